import ApusBase
import ApusTemplates
import ApusTokenizers

/// Turns the messages of a conversation into the tokens that the model was trained on.
public struct ChatPrompt: Sendable {
    /// Turns messages into text.
    public let template: ChatTemplate
    /// Turns that text into tokens; gives the template the texts of BOS and EOS.
    public let tokenizer: Tokenizer

    /// Template and tokenizer of one model.
    public init(_ template: ChatTemplate, _ tokenizer: Tokenizer) {
        self.template = template
        self.tokenizer = tokenizer
    }

    /// The text of all messages and of what begins the assistant's answer.
    /// - Throws: `InputError` for what the template refuses, for example a role that the model does not know.
    public func text(_ messages: [ChatMessage]) throws(InputError) -> String {
        try template.render(
            messages: messages, bosToken: tokenizer.bos.flatMap(tokenizer.tokenText), eosToken: tokenizer.eos.flatMap(tokenizer.tokenText))
    }

    /// The tokens of such a text.
    public func ids(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: false, parseSpecial: true) }

    /// The tokens of all messages and of what begins the assistant's answer.
    public func ids(_ messages: [ChatMessage]) throws(InputError) -> [Int32] { ids(try text(messages)) }
}
