import ApusBase
import ApusCheckpoints
import ApusDescription

/// The files hold norms as 1 + w.
extension Gemma: GGUFFamily {
    static let ggufArchitectures: Set<String> = ["gemma", "gemma2", "gemma3"]

    static func description(of gguf: inout GGUFReader) throws(InputError) -> DecoderDescription {
        let name = gguf.architecture, isFirst = name == "gemma", isThird = name == "gemma3"
        let width = try gguf.width(), context = try gguf.contextLength(), count = try gguf.layerCount(), norm = try gguf.rmsNorm(offset: 1)
        var attention = try gguf.attention(width: width, outputBias: false)
        if !isFirst {
            // No key tells the largest models of both generations, whose scores have a scale of their own, from the others.
            let isLargest = count == (isThird ? 62 : 46)
            attention.scale = Float(1 / (isLargest ? Double(width) / Double(attention.heads) : Double(attention.headSize)).squareRoot())
        }
        if name == "gemma2" { attention.softCap = try gguf.softCap("attn_logit_softcapping", default: 50) }
        if isThird { attention.queryKeyNorm = norm }
        let headCap = try isFirst ? nil : gguf.softCap("final_logit_softcapping", default: isThird ? nil : 30)
        let feedForward = FeedForwardDescription(width: try gguf.feedForwardLength(), activation: .geluTanh)
        let global = try gguf.rotary(.halfSplit, headSize: attention.headSize, context: context)
        var local = global
        if isThird { local = RotaryDescription(base: 10000, dimensions: global.dimensions) }
        if !isFirst, let base = try gguf.frequencyBase("rope.freq_base_swa") { local.base = base }
        let layers = layers(attention, feedForward, try windows(&gguf, count: count), isFirst: isFirst, global: global, local: local)
        return DecoderDescription(
            architecture: isThird ? "gemma3_text" : name, vocabularySize: try gguf.vocabularySize(), width: width, contextLength: context,
            norm: norm, position: .rotary(global), embedding: EmbeddingDescription(scale: Float(width).squareRoot()), layers: layers,
            head: HeadDescription(tied: !isThird || !gguf.has("output.weight"), softCap: headCap))
    }

    private static func windows(_ gguf: inout GGUFReader, count: Int) throws(InputError) -> [Int?] {
        guard gguf.architecture != "gemma" else { return Array(repeating: nil, count: count) }
        let isSecond = gguf.architecture == "gemma2"
        let window = try gguf.int("attention.sliding_window") ?? (isSecond ? 4096 : nil)
        return try gguf.windows(window, count: count, pattern: isSecond ? 2 : 6)
    }

    static func ggufArchitecture(of description: DecoderDescription) -> String {
        description.architecture == "gemma3_text" ? "gemma3" : description.architecture
    }

    static func ggufLayout(of description: DecoderDescription) -> CheckpointLayout { .gguf(normOffset: 1) }

    static func ggufKeys(of description: DecoderDescription) -> [(String, GGUFValue)] {
        let windows = description.layers.map(\.attention.window), window = windows.lazy.compactMap { $0 }.first
        guard description.architecture != "gemma", let window else { return [] }
        var keys: [(String, GGUFValue)] = []
        let usual = GGUFReader.windows(window, count: windows.count, pattern: description.architecture == "gemma2" ? 2 : 6)
        if windows != usual { keys.append(("attention.sliding_window_pattern", .bools(windows.map { $0 != nil }))) }
        for case .rotary(let local)? in description.layers.map(\.position) where local.base != 10000 || description.architecture == "gemma2" {
            keys.append(("rope.freq_base_swa", .number(local.base)))
            break
        }
        return keys
    }
}
