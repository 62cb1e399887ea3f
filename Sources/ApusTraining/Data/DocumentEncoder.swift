import ApusBase
import ApusTemplates
import ApusTokenizers

/// Turns documents into the ids that a model is trained on.
package struct DocumentEncoder: Sendable {
    let tokenizer: Tokenizer
    /// Turns conversations into text.
    let template: ChatTemplate?
    /// Whether EOS follows each text; a template ends a conversation itself.
    let appendsEOS: Bool
    /// Whether only the assistant's answers count: other ids become ~id, and texts are refused.
    let marksAnswers: Bool

    package init(tokenizer: Tokenizer, template: ChatTemplate?, appendsEOS: Bool, marksAnswers: Bool = false) {
        self.tokenizer = tokenizer
        self.template = template
        self.appendsEOS = appendsEOS
        self.marksAnswers = marksAnswers
    }

    func ids(_ document: SourceDocument) throws(InputError) -> [Int32] {
        switch document.content {
        case .text(let bytes):
            guard !marksAnswers else {
                throw document.error("a text has no answers to train on", remedy: "give {\"messages\": […]} on each line of a .jsonl file")
            }
            guard !bytes.isEmpty else { return [] }
            var ids = tokenizer.encode(document: bytes)
            if appendsEOS, let eos = tokenizer.eos, ids.last != eos { ids.append(eos) }
            return ids
        case .conversation(let messages):
            guard let template else {
                throw document.error(
                    "messages need a chat template, and none comes with the tokenizer", remedy: "give texts, or a tokenizer with a chat template")
            }
            let text = try rendered(messages[...], template, prompt: false, document), ids = encoded(text)
            return marksAnswers ? try marked(ids, text, messages, template, document) : ids
        }
    }

    private func encoded(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecial: false, parseSpecial: true) }

    private func rendered(
        _ messages: ArraySlice<ChatMessage>, _ template: ChatTemplate, prompt: Bool, _ document: SourceDocument
    ) throws(InputError) -> String {
        do throws(InputError) {
            return try template.render(
                messages: Array(messages), addGenerationPrompt: prompt, bosToken: tokenizer.bos.flatMap(tokenizer.tokenText),
                eosToken: tokenizer.eos.flatMap(tokenizer.tokenText))
        } catch { throw document.error("the chat template refuses the messages: \(error)") }
    }

    /// An answer is what the template writes with its message beyond the prompt for it. The text is encoded as a whole; where its ids part
    /// from those of the prompt alone, the answer begins.
    private func marked(
        _ ids: [Int32], _ text: String, _ messages: [ChatMessage], _ template: ChatTemplate, _ document: SourceDocument
    ) throws(InputError) -> [Int32] {
        var marked = ids.map { ~$0 }
        guard messages.contains(where: { $0.role == "assistant" }) else { throw document.error("no message is the assistant's") }
        for (index, message) in messages.enumerated() where message.role == "assistant" {
            let prompt = try rendered(messages[..<index], template, prompt: true, document)
            let whole = index == messages.count - 1 ? text : try rendered(messages[...index], template, prompt: false, document)
            guard whole.utf8.starts(with: prompt.utf8), text.utf8.starts(with: whole.utf8) else {
                throw document.error(
                    "the chat template writes message \(index) in another way once more follow, so that the answer cannot be found",
                    remedy: "give each answer a conversation of its own, as the last message")
            }
            let first = Self.commonCount(encoded(prompt), ids), end = index == messages.count - 1 ? ids.count : Self.commonCount(encoded(whole), ids)
            // What a template writes behind the end of a turn is never generated.
            let stop = ids[first..<max(first, end)].firstIndex { tokenizer.endOfGenerationIDs.contains($0) }.map { $0 + 1 } ?? end
            for place in first..<max(first, stop) { marked[place] = ids[place] }
        }
        return marked
    }

    private static func commonCount(_ a: [Int32], _ b: [Int32]) -> Int { zip(a, b).prefix { $0 == $1 }.count }
}
