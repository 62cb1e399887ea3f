/// The next token behind a prefix of drawn length, which is seen in both directions (Raffel et al. 2020, "prefix LM").
struct PrefixObjective: Sendable {
    /// Of a document of at least two tokens, which predicts at most `room` of them.
    func example(_ ids: ArraySlice<Int32>, room: Int, random: inout RandomStream) -> ObjectiveExample? {
        let text = Array(ids.prefix(room + 1)), count = text.count - 1
        guard count >= 1 else { return nil }
        var example = ObjectiveExample(inputs: Array(text.dropLast()), targets: Array(text.dropFirst()))
        example.prefix = 1 + random.below(count)
        for row in 0..<example.prefix - 1 { example.targets[row] = -1 }
        return example
    }
}
