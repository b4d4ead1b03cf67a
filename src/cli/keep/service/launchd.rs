//! The agent of macOS's launchd, and the commands for it.
//!
//! Used by `service`. Pure (launchd.plist(5), launchctl(1)).

use super::{MARK, NAME, Names, Service, Step, xml};

/// The agent's property list. Its log goes to a file, because launchd keeps none.
pub(super) fn agent(service: &Service, log_file: &str) -> String {
    let words = [&service.program].into_iter().chain(&service.arguments);
    let words: Vec<String> = words.map(|word| format!("\t\t<string>{}</string>\n", xml(word))).collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARK} {version}, which takes it away, too. -->
<plist version="1.0">
<dict>
	<key>Label</key>
	<string>{NAME}</string>
	<key>ProgramArguments</key>
	<array>
{words}	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>KeepAlive</key>
	<true/>
	<key>ThrottleInterval</key>
	<integer>10</integer>
	<key>ExitTimeOut</key>
	<integer>60</integer>
	<key>ProcessType</key>
	<string>Background</string>
	<key>Umask</key>
	<integer>63</integer>
	<key>StandardErrorPath</key>
	<string>{log}</string>
</dict>
</plist>
"#,
        version = service.version,
        words = words.concat(),
        log = xml(log_file),
    )
}

fn domain(names: &Names) -> String {
    format!("gui/{}", names.user)
}

fn target(names: &Names) -> String {
    format!("{}/{NAME}", domain(names))
}

pub(super) fn start(names: &Names, restart: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    if restart {
        // A changed file is read only when it is loaded.
        steps.push(Step::new("launchctl", &["bootout", &target(names)]).or_not());
    }
    // Loaded already: fails, and need not be done.
    steps.push(Step::new("launchctl", &["bootstrap", &domain(names), &names.file]).or_not());
    steps.push(Step::new("launchctl", &["kickstart", &target(names)]));
    steps
}

pub(super) fn check(names: &Names) -> Step {
    Step::new("launchctl", &["print", &target(names)])
}

pub(super) fn stop(names: &Names) -> Vec<Step> {
    vec![Step::new("launchctl", &["bootout", &target(names)])]
}

pub(super) fn hints() -> Vec<String> {
    vec![format!("Its log: ~/Library/Logs/{NAME}.log")]
}

#[cfg(test)]
mod tests {
    use super::super::tests::odd;
    use super::*;

    #[test]
    fn every_word_arrives_as_it_was_given() {
        let service = odd();
        let agent = agent(&service, "/home/you/a&b.log");
        let (_, list) = agent.split_once("<array>").expect("a list");
        let (list, _) = list.split_once("</array>").expect("its end");
        let unescaped = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        let words: Vec<String> = list
            .lines()
            .filter_map(|line| line.trim().strip_prefix("<string>")?.strip_suffix("</string>"))
            .map(unescaped)
            .collect();
        assert_eq!(words[0], service.program);
        assert_eq!(words[1..], service.arguments);
        assert!(agent.contains("<string>/home/you/a&amp;b.log</string>"));
    }

    #[test]
    fn a_changed_agent_is_loaded_anew() {
        let names = Names { file: "/a.plist".to_owned(), user: 501 };
        let typed = |restart| start(&names, restart).iter().map(Step::typed).collect::<Vec<_>>();
        let expected = [
            "launchctl bootout gui/501/waiaas-mcp-keep",
            "launchctl bootstrap gui/501 /a.plist",
            "launchctl kickstart gui/501/waiaas-mcp-keep",
        ];
        assert_eq!(typed(true), expected);
        assert_eq!(typed(false), expected[1..]);
        assert_eq!(check(&names).typed(), "launchctl print gui/501/waiaas-mcp-keep");
        assert_eq!(stop(&names)[0].typed(), expected[0]);
    }
}
