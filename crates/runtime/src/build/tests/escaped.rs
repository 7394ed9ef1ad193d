//! Lines of an image that are quoted already, and what a pod puts in their place.

use super::*;

fn on_windows(container: &str) -> CommandLine {
    let pod = text(container, "").replace("image: bare", "image: shell");
    let pods = make(&pod, Os::Windows, &Choices::default()).unwrap();
    pods[0].containers[0].plan.command.clone()
}

#[test]
fn an_images_own_line_stays_as_it_is() {
    assert_eq!(on_windows("env: []"), CommandLine::Windows(SHELL_LINE.to_owned()));
}

#[test]
fn a_pods_args_in_its_place_are_passed_exactly() {
    let given = vec!["C:\\my app\\a.exe".to_owned(), "b c".to_owned()];
    assert_eq!(
        on_windows("args: ['C:\\my app\\a.exe', 'b c']"),
        CommandLine::Arguments(given)
    );
}
