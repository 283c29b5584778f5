//! Users' identifiers in other systems: table `external_user_identifiers`.
