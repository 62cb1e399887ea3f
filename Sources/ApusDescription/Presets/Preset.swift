/// A model of a published size: its description, and what of it no description holds.
public struct Preset: Sendable {
    /// E.g. "llama-2-7b".
    public let name: String
    /// The first word or words of the name, e.g. "llama-2".
    public let family: String
    /// What turns text into tokens.
    public let tokenizer: String
    /// What its makers did against instability of training beyond what the description shows, by their own papers.
    public let measures: [String]
    /// What it is made of.
    public let description: DecoderDescription

    init(_ family: String, _ size: String, tokenizer: String, measures: [String] = [], _ description: DecoderDescription) {
        name = family + "-" + size
        self.family = family
        self.tokenizer = tokenizer
        self.measures = measures
        self.description = description
    }

    /// All of them, family by family, small ones first.
    public static let all: [Preset] = llama + qwen + gemma + glm + gpt + falcon + bloom + opt + xglm + starCoder2 + t5 + bert

    /// The presets that a name stands for: the one of that name, or all of a family, whose versions its first word names together
    /// ("llama" means LLaMA 1 to 3); "all" are all. Empty where there are none.
    public static func named(_ name: String) -> [Preset] {
        if name == "all" { return all }
        if let one = all.first(where: { $0.name == name }) { return [one] }
        return all.filter { $0.family == name || $0.family.hasPrefix(name + "-") }
    }
}
