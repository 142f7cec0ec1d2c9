//! Text that the model copied from its prompt.

/// Whether all words of `text` stand in `prompt` in the same order, one after the other. Case and punctuation do not
/// count. A text without words is not an echo.
pub(super) fn is_echo(text: &str, prompt: &str) -> bool {
    let (text, prompt) = (words(text), words(prompt));
    !text.is_empty() && prompt.windows(text.len()).any(|run| run == text)
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_prompt_alone_are_an_echo() {
        let prompt = "Meeting of Aoife, Siobhán and Kubernetes admins.";
        for (text, expected) in [
            (" Aoife, Siobhán", true),
            (" KUBERNETES admins.", true),
            (" Aoife and Siobhán", false),
            (" We met Aoife.", false),
            (" ...", false),
            ("", false),
        ] {
            assert_eq!(is_echo(text, prompt), expected, "{text:?}");
        }
    }
}
