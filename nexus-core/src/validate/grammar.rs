//! The schema of records as tables: what may stand in which element.
//!
//! Reads only the part of the XML Schema language that our schema is written in, and refuses anything else
//! by name: a construct that were skipped would let bad records through.

use std::collections::HashMap;

use uppsala::{Document, Element, NodeId, XS_NAMESPACE};

use super::SchemaError;
use super::value::Value;
use crate::xml::NAMESPACE;

/// All types, by name: those of the schema as `Summary`, those of the language as `xs:token`.
#[derive(Debug)]
pub(super) struct Grammar {
    types: HashMap<String, Type>,
    roots: Vec<Child>,
}

#[derive(Debug)]
pub(super) struct Type {
    /// What it is derived from.
    pub base: Option<String>,
    pub attributes: Vec<Attribute>,
    pub content: Content,
}

#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Elements in this order.
    Sequence(Vec<Child>),
    /// Elements in any order, each once.
    All(Vec<Child>),
    Text(Value),
    Anything,
}

#[derive(Debug, Clone)]
pub(super) struct Child {
    pub name: String,
    pub type_name: String,
    pub required: bool,
    pub many: bool,
}

impl Grammar {
    pub fn get(&self, type_name: &str) -> Option<&Type> {
        self.types.get(type_name)
    }

    /// The names of all types.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    pub fn roots(&self) -> &[Child] {
        &self.roots
    }

    /// Whether one type is the other or made from it.
    pub fn derives(&self, type_name: &str, ancestor: &str) -> bool {
        let mut name = Some(type_name);
        // The chain is shorter than the number of types, unless it is a ring.
        for _ in 0..=self.types.len() {
            match name {
                Some(name) if name == ancestor => return true,
                Some(other) => name = self.get(other).and_then(|t| t.base.as_deref()),
                None => return false,
            }
        }
        false
    }

    pub fn read(document: &Document<'_>) -> Result<Self, SchemaError> {
        let reader = Reader { document };
        let Some((root, element)) =
            document.document_element().and_then(|id| Some((id, document.element(id)?)))
        else {
            return Err(SchemaError::NotXml("it has no root element".to_owned()));
        };
        if !element.matches_name_ns(XS_NAMESPACE, "schema") {
            return Err(reader.unusable(root, "the root element is not xs:schema"));
        }
        for (name, value) in [
            ("targetNamespace", NAMESPACE),
            ("elementFormDefault", "qualified"),
            ("attributeFormDefault", "unqualified"),
        ] {
            if element.get_attribute(name) != Some(value) {
                return Err(reader.unusable(root, &format!("{name} is not `{value}`")));
            }
        }
        let mut types = builtin();
        let mut roots = Vec::new();
        for (id, part) in reader.parts(root)? {
            match &*part.name.local_name {
                "element" => roots.push(reader.child(id, part)?),
                "complexType" | "simpleType" => {
                    let name = reader.required(id, part, "name")?;
                    let made = match &*part.name.local_name {
                        "complexType" => reader.complex(id)?,
                        _ => reader.simple(id)?,
                    };
                    if types.insert(name.to_owned(), made).is_some() {
                        return Err(reader.unusable(id, &format!("type `{name}` is there twice")));
                    }
                }
                other => return Err(reader.unusable(id, &format!("xs:{other} is not used in this schema"))),
            }
        }
        let mut grammar = Self { types, roots };
        grammar.inherit();
        grammar.complete()?;
        Ok(grammar)
    }

    /// An extension begins with what its base has. One step is enough: nothing extends an extension, which
    /// [`Self::complete`] makes sure of.
    fn inherit(&mut self) {
        let inherited: Vec<(String, Vec<Child>, Vec<Attribute>)> = self
            .types
            .iter()
            .filter_map(|(name, derived)| {
                let base = self.types.get(derived.base.as_deref()?)?;
                let Content::Sequence(children) = &base.content else { return None };
                Some((name.clone(), children.clone(), base.attributes.clone()))
            })
            .collect();
        for (name, mut children, mut attributes) in inherited {
            if let Some(derived) = self.types.get_mut(&name)
                && let Content::Sequence(own) = &mut derived.content
            {
                children.append(own);
                *own = children;
                attributes.append(&mut derived.attributes);
                derived.attributes = attributes;
            }
        }
    }

    /// Every type that is named must be there, and no extension may stand on another.
    fn complete(&self) -> Result<(), SchemaError> {
        let missing =
            |name: &str| SchemaError::Unusable { line: 1, why: format!("there is no type `{name}`") };
        for child in self.roots.iter().chain(self.types.values().flat_map(|t| children(&t.content))) {
            if !self.types.contains_key(&child.type_name) {
                return Err(missing(&child.type_name));
            }
        }
        for (name, made) in &self.types {
            let Some(base) = &made.base else { continue };
            let base_type = self.types.get(base).ok_or_else(|| missing(base))?;
            if base_type.base.is_some() && !base.starts_with("xs:") {
                let why = format!("type `{name}` is derived in more than one step, which is not used here");
                return Err(SchemaError::Unusable { line: 1, why });
            }
        }
        Ok(())
    }
}

pub(super) fn children(content: &Content) -> &[Child] {
    match content {
        Content::Sequence(children) | Content::All(children) => children,
        Content::Text(_) | Content::Anything => &[],
    }
}

fn builtin() -> HashMap<String, Type> {
    let text = |value| Type { base: None, attributes: Vec::new(), content: Content::Text(value) };
    HashMap::from([
        ("xs:string".to_owned(), text(Value::Text)),
        ("xs:token".to_owned(), Type { base: Some("xs:string".to_owned()), ..text(Value::Text) }),
        ("xs:anyURI".to_owned(), text(Value::Link)),
        ("xs:integer".to_owned(), text(Value::Integer)),
        ("xs:boolean".to_owned(), text(Value::Boolean)),
        ("xs:dateTime".to_owned(), text(Value::DateTime)),
        ("xs:anyType".to_owned(), Type { base: None, attributes: Vec::new(), content: Content::Anything }),
    ])
}

struct Reader<'d, 'a> {
    document: &'d Document<'a>,
}

impl<'d, 'a> Reader<'d, 'a> {
    fn unusable(&self, id: NodeId, why: &str) -> SchemaError {
        SchemaError::Unusable { line: self.document.node_line(id), why: why.to_owned() }
    }

    /// The child elements, without documentation.
    fn parts(&self, parent: NodeId) -> Result<Vec<(NodeId, &'d Element<'a>)>, SchemaError> {
        let mut parts = Vec::new();
        for id in self.document.children_iter(parent) {
            let Some(element) = self.document.element(id) else { continue };
            if element.name.namespace_uri.as_deref() != Some(XS_NAMESPACE) {
                return Err(self.unusable(id, "only elements of XML Schema may stand in a schema"));
            }
            if &*element.name.local_name != "annotation" {
                parts.push((id, element));
            }
        }
        Ok(parts)
    }

    /// The one child element, which must have this name.
    fn only(&self, parent: NodeId, name: &str) -> Result<(NodeId, &'d Element<'a>), SchemaError> {
        match self.parts(parent)?.as_slice() {
            [(id, element)] if &*element.name.local_name == name => Ok((*id, element)),
            _ => Err(self.unusable(parent, &format!("here must be one xs:{name} and nothing else"))),
        }
    }

    fn required(
        &self,
        id: NodeId,
        element: &'d Element<'a>,
        attribute: &str,
    ) -> Result<&'d str, SchemaError> {
        element
            .get_attribute(attribute)
            .ok_or_else(|| self.unusable(id, &format!("`{attribute}` is missing")))
    }

    /// Refuses attributes that would change the meaning.
    fn known(&self, id: NodeId, element: &Element<'_>, known: &[&str]) -> Result<(), SchemaError> {
        match element.attributes.iter().find(|a| !known.contains(&&*a.name.local_name)) {
            Some(a) => Err(self.unusable(id, &format!("`{}` is not used in this schema", a.name.local_name))),
            None => Ok(()),
        }
    }

    /// `nx:Summary` → `Summary`, `xs:token` → `xs:token`.
    fn type_name(&self, id: NodeId, text: &str) -> Result<String, SchemaError> {
        match text.split_once(':') {
            Some(("nx", local)) => Ok(local.to_owned()),
            Some(("xs", _)) => Ok(text.to_owned()),
            _ => Err(self.unusable(id, &format!("type `{text}` has neither of the prefixes nx and xs"))),
        }
    }

    fn child(&self, id: NodeId, element: &'d Element<'a>) -> Result<Child, SchemaError> {
        self.known(id, element, &["name", "type", "minOccurs", "maxOccurs"])?;
        if !self.parts(id)?.is_empty() {
            return Err(self.unusable(id, "types without a name are not used in this schema"));
        }
        let required = match element.get_attribute("minOccurs") {
            None | Some("1") => true,
            Some("0") => false,
            Some(_) => return Err(self.unusable(id, "minOccurs is neither 0 nor 1")),
        };
        let many = match element.get_attribute("maxOccurs") {
            None | Some("1") => false,
            Some("unbounded") => true,
            Some(_) => return Err(self.unusable(id, "maxOccurs is neither 1 nor unbounded")),
        };
        let type_name = self.type_name(id, element.get_attribute("type").unwrap_or("xs:anyType"))?;
        Ok(Child { name: self.required(id, element, "name")?.to_owned(), type_name, required, many })
    }

    fn group(&self, id: NodeId) -> Result<Vec<Child>, SchemaError> {
        let mut children = Vec::new();
        for (part, element) in self.parts(id)? {
            if &*element.name.local_name != "element" {
                return Err(self.unusable(part, "only xs:element is used here"));
            }
            children.push(self.child(part, element)?);
        }
        Ok(children)
    }

    fn complex(&self, id: NodeId) -> Result<Type, SchemaError> {
        if let Some(element) = self.document.element(id) {
            self.known(id, element, &["name"])?;
        }
        match self.parts(id)?.first() {
            Some((content, element))
                if matches!(&*element.name.local_name, "complexContent" | "simpleContent") =>
            {
                let (extension, element) = self.only(*content, "extension")?;
                self.known(extension, element, &["base"])?;
                let base = self.type_name(extension, self.required(extension, element, "base")?)?;
                let mut made = self.body(extension)?;
                if let Some(value) = builtin().get(&base).and_then(|t| match &t.content {
                    Content::Text(value) => Some(value.clone()),
                    _ => None,
                }) {
                    made.content = Content::Text(value);
                }
                Ok(Type { base: Some(base), ..made })
            }
            _ => self.body(id),
        }
    }

    /// A group of elements, if there is one, and attributes.
    fn body(&self, id: NodeId) -> Result<Type, SchemaError> {
        let mut made = Type { base: None, attributes: Vec::new(), content: Content::Sequence(Vec::new()) };
        for (part, element) in self.parts(id)? {
            match &*element.name.local_name {
                "sequence" => made.content = Content::Sequence(self.group(part)?),
                "all" => made.content = Content::All(self.group(part)?),
                "attribute" => {
                    self.known(part, element, &["name", "type"])?;
                    let value = match element.get_attribute("type") {
                        Some(text) => self.value(part, text)?,
                        None => Value::Text,
                    };
                    let name = self.required(part, element, "name")?.to_owned();
                    made.attributes.push(Attribute { name, value });
                }
                other => return Err(self.unusable(part, &format!("xs:{other} is not used in this schema"))),
            }
        }
        Ok(made)
    }

    /// The type of an attribute: one of the language, or a list of words found by its name in the schema.
    fn value(&self, id: NodeId, text: &str) -> Result<Value, SchemaError> {
        let name = self.type_name(id, text)?;
        if let Some(Content::Text(value)) = builtin().get(&name).map(|t| &t.content) {
            return Ok(value.clone());
        }
        let root = self.document.document_element().unwrap_or(id);
        for (part, element) in self.parts(root)? {
            if &*element.name.local_name == "simpleType"
                && element.get_attribute("name") == Some(&name)
                && let Content::Text(value) = self.simple(part)?.content
            {
                return Ok(value);
            }
        }
        Err(self.unusable(id, &format!("`{text}` is no simple type of this schema")))
    }

    /// A list of words.
    fn simple(&self, id: NodeId) -> Result<Type, SchemaError> {
        let (restriction, element) = self.only(id, "restriction")?;
        if element.get_attribute("base") != Some("xs:token") {
            return Err(self.unusable(restriction, "only lists of tokens are used in this schema"));
        }
        let mut words = Vec::new();
        for (part, element) in self.parts(restriction)? {
            if &*element.name.local_name != "enumeration" {
                return Err(self.unusable(part, "only xs:enumeration is used here"));
            }
            words.push(self.required(part, element, "value")?.to_owned());
        }
        Ok(Type {
            base: Some("xs:token".to_owned()),
            attributes: Vec::new(),
            content: Content::Text(Value::OneOf(words)),
        })
    }
}
