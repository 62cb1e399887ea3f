/// Some of the tokens, each drawn with the same chance, of which most are hidden (Devlin et al. 2019): of ten that are to be predicted eight
/// become the mask, one becomes any token and one stays.
struct MaskedObjective: Sendable {
    let rate: Double
    let mask: Int32
    let vocabularySize: Int
    /// Ids that stay as they are and are not predicted: marks of the format.
    let special: Set<Int32>

    func example(_ ids: ArraySlice<Int32>, room: Int, random: inout RandomStream) -> ObjectiveExample? {
        let text = Array(ids.prefix(room))
        guard !text.isEmpty else { return nil }
        var example = ObjectiveExample(inputs: text, targets: [Int32](repeating: -1, count: text.count), prefix: text.count)
        for row in text.indices where !special.contains(text[row]) && random.uniform() < rate {
            example.targets[row] = text[row]
            switch random.below(10) {
            case 0..<8: example.inputs[row] = mask
            case 8: example.inputs[row] = Int32(random.below(vocabularySize))
            default: break
            }
        }
        return example
    }
}
