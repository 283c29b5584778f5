//! Which tools are meant, and the instruments they become.

use nexus_core::instrument::Instrument;

use super::Tool;

/// The tools that these words name: all if there is none. Each once, in the order of the words.
pub(super) fn chosen<'a>(tools: &'a [Tool], words: &[String]) -> Result<Vec<&'a Tool>, String> {
    if words.is_empty() {
        return Ok(tools.iter().collect());
    }
    let mut found: Vec<&Tool> = Vec::new();
    for word in words {
        let tool = one(tools, word.trim())?;
        if !found.iter().any(|known| known.api_url == tool.api_url) {
            found.push(tool);
        }
    }
    Ok(found)
}

/// The number counts before a name, since a name may be a number too.
fn one<'a>(tools: &'a [Tool], word: &str) -> Result<&'a Tool, String> {
    if let Some(tool) = tools.iter().find(|tool| tool.id == word) {
        return Ok(tool);
    }
    let same = |tool: &&Tool| tool.name.trim().to_lowercase() == word.to_lowercase();
    let named: Vec<&Tool> = tools.iter().filter(same).collect();
    match named.as_slice() {
        [only] => Ok(only),
        [] => Err(format!("the server knows no tool `{word}`")),
        several => {
            let numbers: Vec<&str> = several.iter().map(|tool| tool.id.as_str()).collect();
            Err(format!("`{word}` is the name of several tools: {}; use the number", numbers.join(", ")))
        }
    }
}

/// What a person gives besides the server.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wishes<'a> {
    pub(super) pid: Option<&'a str>,
    pub(super) timezone: Option<&'a str>,
    pub(super) filestore_path: Option<&'a str>,
    pub(super) location: Option<&'a str>,
    pub(super) property_tag: Option<&'a str>,
}

impl Wishes<'_> {
    /// The instrument that a tool becomes; what nobody knows is empty.
    pub(super) fn instrument(&self, tool: &Tool, harvester: &str) -> Instrument {
        let name = tool.name.trim();
        let of_tool = |text: &str| text.replace("{id}", &tool.id).replace("{name}", name);
        let pid = self.pid.map_or_else(|| hyphened(name), of_tool);
        let text =
            |wish: Option<&str>| wish.map(|text| of_tool(text).replace("{pid}", &pid)).unwrap_or_default();
        Instrument {
            api_url: tool.api_url.clone(),
            calendar_url: tool.calendar_url.clone().unwrap_or_default(),
            location: self.location.map(str::to_owned).or_else(|| tool.location.clone()).unwrap_or_default(),
            display_name: name.to_owned(),
            property_tag: text(self.property_tag),
            filestore_path: text(self.filestore_path),
            harvester: harvester.to_owned(),
            timezone: self.timezone.map(str::to_owned).or_else(|| tool.timezone.clone()).unwrap_or_default(),
            pid: pid.into(),
        }
    }
}

/// A name that needs no quoting anywhere: letters and digits of any language, `.` and `_`; hyphens for the rest.
fn hyphened(name: &str) -> String {
    let words = name.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '_')));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(id: &str, name: &str) -> Tool {
        Tool {
            id: id.to_owned(),
            name: name.to_owned(),
            location: Some("Room 1".to_owned()),
            api_url: format!("https://nemo.x/api/tools/?id={id}"),
            calendar_url: None,
            instrument: None,
            timezone: None,
        }
    }

    #[test]
    fn tools_are_named_by_number_or_name() {
        let tools = [tool("1", "Titan TEM"), tool("2", "7"), tool("7", "SEM"), tool("9", "sem")];
        let ids = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            chosen(&tools, &words).map(|found| found.iter().map(|tool| tool.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(&[]).unwrap(), ["1", "2", "7", "9"]);
        assert_eq!(ids(&["titan tem", "7", "1"]).unwrap(), ["1", "7"]);
        assert_eq!(ids(&["SEM"]).unwrap_err(), "`SEM` is the name of several tools: 7, 9; use the number");
        assert_eq!(ids(&["Titan"]).unwrap_err(), "the server knows no tool `Titan`");
    }

    #[test]
    fn what_the_server_does_not_know_comes_from_a_person() {
        let bare = Wishes::default().instrument(&tool("7", " FEI Titan (#2) / 結晶 "), "nemo");
        assert_eq!(
            (bare.pid.as_str(), bare.display_name.as_str()),
            ("FEI-Titan-2-結晶", "FEI Titan (#2) / 結晶")
        );
        assert_eq!((bare.location.as_str(), bare.timezone.as_str()), ("Room 1", ""));
        let wishes = Wishes {
            pid: Some("TEM-{id}"),
            timezone: Some("UTC"),
            filestore_path: Some("nemo/{pid}/{name}"),
            location: Some("Room 2"),
            property_tag: Some("N{id}"),
        };
        let full = wishes.instrument(&tool("7", "Titan"), "nemo");
        let texts =
            [full.pid.as_str(), &full.filestore_path, &full.location, &full.property_tag, &full.timezone];
        assert_eq!(texts, ["TEM-7", "nemo/TEM-7/Titan", "Room 2", "N7", "UTC"]);
    }
}
