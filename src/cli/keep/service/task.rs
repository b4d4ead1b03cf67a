//! The task of Windows' Task Scheduler, and the commands for it.
//!
//! Used by `service`. Pure (the schema of version 1.2; `schtasks`). The file is UTF-16 with a byte order mark, which is
//! what `schtasks` reads on every version of Windows.

use super::{MARK, NAME, Names, Service, Step, xml};
use crate::cli::Failure;

/// The task's definition. It runs as the user who is logged on, and with no more rights.
///
/// # Errors
/// [`Failure`] if the user's name is not known, or a path would be changed: the scheduler replaces `%NAME%` and `$(…)`,
/// and has no way to write them as they are.
pub(super) fn definition(service: &Service, user_name: Option<&str>) -> Result<String, Failure> {
    let user = user_name.ok_or_else(|| Failure {
        what: "the name of this user is not known".to_owned(),
        advice: "Set USERNAME, and USERDOMAIN if there is one.".to_owned(),
    })?;
    for text in [&service.program].into_iter().chain(&service.arguments) {
        if text.matches('%').count() > 1 || text.contains("$(") {
            return Err(Failure {
                what: format!("{text:?} would be changed by the Task Scheduler"),
                advice: "Use paths without % and $( in them.".to_owned(),
            });
        }
    }
    let arguments: Vec<String> = service.arguments.iter().map(|argument| quoted(argument)).collect();
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Keeps WAIaaS wallet sessions alive while no client runs. {MARK} {version}.</Description>
    <URI>\{NAME}</URI>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>{user}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{user}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>255</Count>
    </RestartOnFailure>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <WakeToRun>false</WakeToRun>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RunOnlyIfIdle>false</RunOnlyIfIdle>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"#,
        version = service.version,
        user = xml(user),
        program = xml(&quoted(&service.program)),
        arguments = xml(&arguments.join(" ")),
    ))
}

/// The definition as it stands in the file.
pub(super) fn bytes(definition: &str) -> Vec<u8> {
    let units = ['\u{feff}'].into_iter().chain(definition.chars().flat_map(|c| {
        let line_end = (c == '\n').then_some('\r');
        line_end.into_iter().chain([c])
    }));
    units.collect::<String>().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// One argument, as programs of Windows take their command line apart: a backslash means itself, but before a quote.
fn quoted(argument: &str) -> String {
    if !argument.is_empty() && !argument.contains([' ', '\t', '"']) {
        return argument.to_owned();
    }
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in argument.chars() {
        match c {
            '\\' => backslashes += 1,
            '"' => {
                quoted.push_str(&"\\".repeat(backslashes * 2 + 1));
                quoted.push('"');
                backslashes = 0;
                continue;
            }
            _ => {
                quoted.push_str(&"\\".repeat(backslashes));
                backslashes = 0;
            }
        }
        if c != '\\' {
            quoted.push(c);
        }
    }
    quoted.push_str(&"\\".repeat(backslashes * 2));
    quoted.push('"');
    quoted
}

pub(super) fn start(names: &Names, restart: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if restart {
        steps.push(Step::new("schtasks", &["/End", "/TN", NAME]).or_not());
    }
    steps.push(Step::new("schtasks", &["/Create", "/TN", NAME, "/XML", &names.file, "/F"]));
    steps.push(Step::new("schtasks", &["/Run", "/TN", NAME]));
    steps
}

pub(super) fn check(_names: &Names) -> Step {
    Step::new("schtasks", &["/Query", "/TN", NAME])
}

pub(super) fn stop() -> Vec<Step> {
    vec![
        Step::new("schtasks", &["/End", "/TN", NAME]).or_not(),
        Step::new("schtasks", &["/Delete", "/TN", NAME, "/F"]),
    ]
}

pub(super) fn hints() -> Vec<String> {
    vec!["It ends when you log off.".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::super::tests::odd;
    use super::*;

    #[test]
    fn arguments_are_quoted_as_windows_takes_them_apart() {
        let table = [
            ("plain", "plain"),
            ("", "\"\""),
            ("a b", "\"a b\""),
            ("C:\\a\\", "C:\\a\\"),
            ("C:\\a b\\", "\"C:\\a b\\\\\""),
            ("a\"b", "\"a\\\"b\""),
            ("a\\\"b", "\"a\\\\\\\"b\""),
            ("a\\b c", "\"a\\b c\""),
        ];
        for (argument, expected) in table {
            assert_eq!(quoted(argument), expected, "{argument}");
        }
    }

    #[test]
    fn the_definition_is_one_that_the_scheduler_reads() {
        let service = Service { arguments: vec!["a&b".to_owned(), "c <d>".to_owned()], ..odd() };
        let service = Service { program: "C:\\Program Files\\waiaas-mcp.exe".to_owned(), ..service };
        let text = definition(&service, Some("HOST\\y&ou")).unwrap();
        assert!(text.contains("<Command>\"C:\\Program Files\\waiaas-mcp.exe\"</Command>"), "{text}");
        assert!(text.contains("<Arguments>a&amp;b \"c &lt;d&gt;\"</Arguments>"), "{text}");
        assert_eq!(text.matches("<UserId>HOST\\y&amp;ou</UserId>").count(), 2);
        let bytes = bytes(&text);
        assert_eq!(bytes[..4], [0xff, 0xfe, b'<', 0]);
        let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let read = String::from_utf16(&units).unwrap();
        assert_eq!(read.trim_start_matches('\u{feff}').replace("\r\n", "\n"), text);
    }

    #[test]
    fn what_the_scheduler_would_change_is_refused() {
        let with = |argument: &str| Service {
            program: "p".to_owned(),
            arguments: vec![argument.to_owned()],
            writes: Vec::new(),
            version: "1.2.3",
        };
        assert!(definition(&with("C:\\%TEMP%\\x"), Some("u")).is_err());
        assert!(definition(&with("C:\\$(Arg0)"), Some("u")).is_err());
        assert!(definition(&with("C:\\100%"), Some("u")).is_ok());
        assert!(definition(&with("x"), None).is_err());
    }
}
