import ApusBase
import ApusLayers
import ApusModels
import ApusTensor

/// One sequence of tokens on its way through a decoder: the cache, and how far it is filled.
public final class TokenStream {
    /// The decoder that the tokens run through.
    public let model: Decoder
    /// Tokens whose keys and values are in the cache.
    public private(set) var ids: [Int32] = []
    let cache: KeyValueCache
    /// The text that the decoder attends to, if it has an encoder.
    private let memory: EncoderMemory?
    /// What stands before the start of the answer, of models that know blanks.
    private var infilling = InfillingContext.none
    /// Tokens that see one another in both directions, whatever they are.
    private let prefixLength: Int?
    /// Positions before it belong to a long prompt, if later ones are new.
    private var longPromptEnd = 0
    private let workspace: Workspace

    /// Tokens of a prompt that run together. Longer chunks gain little, and their activations leave the cache.
    public static let chunkSize = 512

    /// Prompts of so many tokens meet quantised weights with activations of 8 bits instead of 16, which takes half the time: they keep the
    /// processor busy, where fewer tokens wait for memory.
    static let longPrompt = 128

    /// An empty stream with a cache of its own.
    /// - Parameters:
    ///   - model: the decoder that the tokens will run through.
    ///   - positions: tokens it has room for.
    ///   - cacheType: of keys and values: f32, f16 or bf16.
    ///   - memory: the encoded text that a decoder with an encoder attends to; nil for one without.
    /// - Throws: an `InputError` for another type, when there is an encoder and no text, and when the system has no memory for the cache.
    public convenience init(_ model: Decoder, positions: Int, cacheType: DType, memory: EncoderMemory? = nil) throws(InputError) {
        try self.init(model, positions: positions, cacheType: cacheType, memory: memory, workspace: Workspace(model.backend))
    }

    /// As above, with a workspace that streams which run together share.
    /// - Parameter prefixLength: how many of the first tokens see one another in both directions, of a model that can; nil: those before the start
    ///   token of an answer.
    package init(
        _ model: Decoder, positions: Int, cacheType: DType, memory: EncoderMemory? = nil, prefixLength: Int? = nil, workspace: Workspace
    ) throws(InputError) {
        guard (memory == nil) == (model.encoder == nil) else {
            throw InputError(
                "the model", "\(model.description.architecture) answers a text that its encoder reads, and there is none here",
                remedy: "use `apus generate`, or `apus score` with --decoder-ids")
        }
        precondition(memory.map { $0.dtype == cacheType } ?? true)
        guard prefixLength == nil || model.description.layers.allSatisfy({ $0.attention.mask == .prefix }) else {
            throw InputError(
                "--prefix-length", "\(model.description.architecture) is no prefix model: its tokens see those before them alone", remedy: "leave it out")
        }
        self.prefixLength = prefixLength
        self.model = model
        self.memory = memory
        cache = try KeyValueCache(model, positions: positions, dtype: cacheType)
        self.workspace = workspace
    }

    /// Tokens it has room for.
    public var capacity: Int { cache.capacity }

    /// Forgets all but the first `count` tokens, or all of them if that would part a context that sees itself in both directions.
    /// Returns how many are left.
    @discardableResult public func truncate(to count: Int) -> Int {
        let kept = count <= infilling.length ? 0 : count
        ids.removeLast(max(0, ids.count - kept))
        longPromptEnd = min(longPromptEnd, ids.count)
        return ids.count
    }

    /// Takes over the tokens of another stream of the same model and capacity; what both begin with is not copied.
    func fork(_ other: TokenStream) {
        let shared = zip(ids, other.ids).prefix { $0 == $1 }.count
        for (layer, block) in model.blocks.enumerated() {
            model.backend.copyCache(
                block.attention.shape(cacheType: cache.dtype), from: other.cache.layer(layer), to: cache.layer(layer),
                positions: shared..<other.ids.count)
        }
        ids = other.ids
        infilling = other.infilling
    }

    /// How many of the next tokens should run together: a chunk of them, but all of a context that sees itself in both directions.
    func chunk(of new: some Collection<Int32>) -> Int {
        let context = ids.isEmpty ? context(of: new).length : 0
        return min(new.count, context < Self.chunkSize ? Self.chunkSize : context + 1)
    }

    private func context(of new: some Collection<Int32>) -> InfillingContext {
        guard let tokens = model.description.infilling else { return InfillingContext(length: prefixLength ?? 0, blank: 0) }
        return InfillingContext(of: new, tokens, length: prefixLength)
    }

    /// - Throws: an `InputError` when `count` more tokens do not fit.
    func checkRoom(for count: Int) throws(InputError) {
        guard ids.count + count <= capacity else {
            throw InputError(
                "the prompt", "\(ids.count + count) tokens do not fit the context of \(capacity)", remedy: "shorten it or give a larger --context")
        }
    }

    /// Runs `new` and returns the logits `[V]` after the last of them. They stay valid until the next call.
    /// - Parameters:
    ///   - new: at least one token.
    ///   - rest: tokens of the same prompt that come in later calls.
    /// - Throws: an `InputError` when they do not fit, or an id is outside the vocabulary.
    public func append(_ new: some Collection<Int32>, before rest: Int = 0) throws(InputError) -> UnsafeMutableBufferPointer<Float> {
        var last: UnsafeMutableBufferPointer<Float>?
        let total = ids.count + new.count + rest
        let longEnd = new.count + rest >= Self.longPrompt ? total : longPromptEnd
        try run(Array(new), total, ids.count < longEnd ? .coarse : .fine, logits: { $1 == new.count ? $1 - 1..<$1 : $1..<$1 }) { _, rows in
            last = rows[rows.count - 1]
        }
        longPromptEnd = longEnd
        return last!
    }

    /// Runs `new` and hands on the logits of every token, chunk by chunk: the index of the chunk's first token, and `[chunk, V]`. They are as
    /// exact as those of an answer's tokens, however many there are: they measure the model.
    package func appendAll(_ new: [Int32], _ body: (Int, Rows) -> Void) throws(InputError) {
        try run(new, ids.count + new.count, .fine, logits: { $0..<$1 }, body)
    }

    /// `total` counts all tokens that are known of, and `logits` maps the bounds of a chunk within `new` to the tokens whose logits are wanted.
    private func run(
        _ new: [Int32], _ total: Int, _ precision: ActivationPrecision, logits: (Int, Int) -> Range<Int>, _ body: (Int, Rows) -> Void
    ) throws(InputError) {
        try checkRoom(for: new.count)
        let vocabulary = model.description.vocabularySize
        if let wrong = new.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
            throw InputError("the token ids", "\(wrong) is not from 0 to \(vocabulary - 1)")
        }
        if ids.isEmpty { infilling = context(of: new) }
        var start = 0
        while start < new.count {
            let end = start + chunk(of: new[start...])
            let wanted = logits(start, end)
            let input = SequenceInput(
                ids: Array(new[start..<end]), position: ids.count, cache: cache, memory: memory, sequenceLength: total, infilling: infilling,
                logits: wanted.lowerBound - start..<wanted.upperBound - start)
            let rows = model.forward([input], precision: precision, workspace: workspace)
            ids.append(contentsOf: new[start..<end])
            model.backend.synchronize()
            if rows.count > 0 { body(start, rows) }
            start = end
        }
    }

    /// Runs one token of each of several streams of the same model together; logits `[streams, V]`, valid until the workspace
    /// is used again.
    package static func step(_ streams: [TokenStream], _ next: [Int32], workspace: Workspace) throws(InputError) -> Rows {
        for stream in streams where stream.ids.count >= stream.capacity {
            throw InputError("the sequence", "the context of \(stream.capacity) tokens is full", remedy: "give a larger --context")
        }
        let inputs = zip(streams, next).map { stream, id in
            SequenceInput(ids: [id], position: stream.ids.count, cache: stream.cache, memory: stream.memory, infilling: stream.infilling, logits: 0..<1)
        }
        let rows = streams[0].model.forward(inputs, precision: .fine, workspace: workspace)
        for (stream, id) in zip(streams, next) { stream.ids.append(id) }
        streams[0].model.backend.synchronize()
        return rows
    }
}
