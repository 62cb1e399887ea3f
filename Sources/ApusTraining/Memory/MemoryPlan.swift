import ApusDescription
import ApusLayers

/// What a run will take of the memory, from its shapes alone: made before anything is allocated.
package struct MemoryPlan: Sendable, Equatable {
    /// What is kept of a block's activations.
    package typealias Recompute = TrainingConfiguration.Recompute.Mode

    /// What the plan is made of.
    package struct Run: Sendable {
        package var description: DecoderDescription
        /// Sequences and tokens of each that go through the model at once; through an encoder, as many again.
        package var microBatch: Int
        package var sequenceLength: Int
        /// Micro-batches of a step.
        package var passes = 1
        /// Whether elements of what sublayers give are left out, which takes a buffer.
        package var dropsSublayers = false
        /// Bytes of an element of what is kept: 4 of f32, 2 of bf16 and f16.
        package var computeByteCount: Int
        package var recompute: Recompute
        /// Bytes of the optimizer's state a parameter: 8 of AdamW's two moments in f32.
        package var optimizerByteCount: Int
        /// Bytes of the process itself, which do not depend on the shapes above: `ProcessMemory`.
        package var fixedByteCount: Int

        package init(
            _ description: DecoderDescription, microBatch: Int, sequenceLength: Int, computeByteCount: Int, recompute: Recompute = .none,
            optimizerByteCount: Int = 8, fixedByteCount: Int = 0
        ) {
            self.description = description
            self.microBatch = microBatch
            self.sequenceLength = sequenceLength
            self.computeByteCount = computeByteCount
            self.recompute = recompute
            self.optimizerByteCount = optimizerByteCount
            self.fixedByteCount = fixedByteCount
        }
    }

    /// Bytes. Weights and gradients are f32.
    package let weights: Int
    package let gradients: Int
    package let moments: Int
    /// What the forward pass keeps for the backward pass.
    package let activations: Int
    /// Of them those of one block and one token, all blocks being equal or not: the mean.
    package let activationsPerLayerAndToken: Double
    /// Buffers of the pass itself and of its gradients, the logits of a chunk of tokens, and the ids of all micro-batches.
    package let workspace: Int
    /// The program, its threads' scratch and its tokenizer.
    package let process: Int
    /// Of the activations those that lie where gradients come later.
    package let lent: Int

    package var total: Int { weights + gradients + moments + activations - lent + workspace + process }

    package init(_ run: Run) {
        let parameters = run.description.parameterCount, tokens = run.microBatch * run.sequenceLength
        weights = 4 * parameters
        gradients = 4 * parameters
        moments = run.optimizerByteCount * parameters
        let perToken = Self.blockBytesPerToken(run)
        activations = Self.product(tokens, perToken + Self.outerBytesPerToken(run)) + Self.passingByteCount(run, tokens: tokens)
        activationsPerLayerAndToken = Double(perToken) / Double(max(Self.blocks(run).count, 1))
        workspace = Self.workspaceByteCount(run, tokens: tokens) + Self.product(tokens, run.passes * Self.idByteCount)
        process = run.fixedByteCount
        // Gradients of an earlier micro-batch stay.
        lent = run.passes > 1 || run.recompute == .full ? 0 : Self.lentByteCount(run, tokens: tokens)
    }

    /// More than any machine has, and little enough to be added up.
    private static let mostByteCount = 1 << 59

    /// Bytes of tokens that take so many each, `mostByteCount` at most.
    private static func product(_ tokens: Int, _ byteCount: Int) -> Int {
        let (product, overflows) = tokens.multipliedReportingOverflow(by: byteCount)
        return overflows ? mostByteCount : min(product, mostByteCount)
    }

    /// A block's activations lie in the memory of the gradients of the block before it, each as a whole and as long as its matrices have room.
    private static func lentByteCount(_ run: Run, tokens: Int) -> Int {
        let layers = run.description.layers
        var matrices = Array(repeating: 0, count: layers.count)
        for parameter in run.description.parameters where parameter.shape.count == 2 {
            let parts = parameter.name.split(separator: ".", maxSplits: 2)
            if parts[0] == "layers", let layer = Int(parts[1]) { matrices[layer] += 4 * parameter.shape[0] * parameter.shape[1] }
        }
        return zip(layers.dropFirst(), matrices).reduce(0) { sum, pair in
            let kept = keptBytesPerToken(pair.0, width: run.description.width, computeByteCount: run.computeByteCount, run.recompute)
            return sum + kept.map { product(tokens, $0) }.reduce(0) { used, byteCount in used + byteCount <= pair.1 ? used + byteCount : used }
        }
    }

    /// The longest sequence, a multiple of 16, with which the run takes no more than so many bytes; 0 if none does.
    package static func longestSequence(_ run: Run, within byteCount: Int) -> Int {
        func fits(_ blocks: Int) -> Bool {
            var other = run
            other.sequenceLength = 16 * blocks
            return MemoryPlan(other).total <= byteCount
        }
        var low = 0, high = min(run.description.positionLimit ?? 1 << 24, 1 << 24) / 16 + 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if fits(middle) { low = middle } else { high = middle }
        }
        return 16 * low
    }

    // MARK: Activations

    /// Bytes of one block's activations of one token.
    static func bytesPerToken(_ layer: LayerDescription, width: Int, computeByteCount: Int, _ recompute: Recompute) -> Int {
        keptBytesPerToken(layer, width: width, computeByteCount: computeByteCount, recompute).reduce(0, +)
    }

    /// Of each thing that is kept, in their order.
    private static func keptBytesPerToken(_ layer: LayerDescription, width: Int, computeByteCount: Int, _ recompute: Recompute) -> [Int] {
        KeptActivation.ofBlock.compactMap { kept in
            guard recompute == .none || kept.isKeptBySelective || kept.isKeptWhereRounded && computeByteCount < 4 else { return nil }
            return kept.width(layer, width) * (kept.isF32 ? 4 : computeByteCount)
        }
    }

    /// All blocks, an encoder's as well.
    private static func blocks(_ run: Run) -> [LayerDescription] { run.description.layers + (run.description.encoder?.layers ?? []) }

    /// Elements of keys, and of values, that blocks attend to across.
    private static func widthAcross(_ run: Run) -> Int {
        run.description.layers.reduce(0) { $0 + ($1.crossAttention.map { $0.kvHeads * $0.headSize } ?? 0) }
    }

    private static func blockBytesPerToken(_ run: Run) -> Int {
        let c = run.description.width, s = run.computeByteCount, layers = blocks(run)
        guard run.recompute == .full else {
            return layers.reduce(0) { $0 + bytesPerToken($1, width: c, computeByteCount: s, run.recompute) }
        }
        // Inputs of all blocks, and while a block is run again what else `selective` keeps of it.
        let largest = layers.map { bytesPerToken($0, width: c, computeByteCount: s, .selective) - ($0.endsWithNorm && s == 4 ? 0 : c * s) }.max()
        return layers.count * c * s + (largest ?? 0)
    }

    /// Outside the blocks: arguments of the norms of the embedding and behind the blocks, and the first block's input where no norm made it; of
    /// an encoder's text what it comes to, and its keys and values.
    private static func outerBytesPerToken(_ run: Run) -> Int {
        let makesAgain = run.recompute == .selective && run.computeByteCount == 4 && run.description.layers.first?.endsWithNorm == true
        let norms = (run.description.embedding.norm ? 1 : 0) + (run.description.finalNorm ? 1 : 0), hasEncoder = run.description.encoder != nil
        let rows = (hasEncoder ? 2 : 1) * norms + (makesAgain ? 1 : 0) + (hasEncoder && run.recompute == .none ? 1 : 0)
        return (rows * run.description.width + 2 * widthAcross(run)) * run.computeByteCount
    }

    /// Kept for a moment beside all else: the head's argument for the tokens of a chunk of logits, or a row that is made again in the backward pass.
    private static func passingByteCount(_ run: Run, tokens: Int) -> Int {
        let c = run.description.width, chunk = min(tokens, logitByteLimit / (4 * run.description.vocabularySize))
        let again = run.recompute == .none ? 0 : blocks(run).map { max(c, $0.feedForward.width) }.max() ?? 0
        return max(chunk * c * run.computeByteCount, product(tokens, again * run.computeByteCount))
    }

    // MARK: Workspace

    /// Bytes of logits at most: they are made and used for some tokens at a time.
    static let logitByteLimit = 64 << 20
    /// Of a token of a micro-batch, its id and target and what else it may have; a step's are all drawn before its first pass.
    private static let idByteCount = 16

    private static func workspaceByteCount(_ run: Run, tokens: Int) -> Int {
        let c = Workspace.stride(run.description.width), layers = blocks(run)
        let attention = layers.map { 2 * ($0.attention.heads + $0.attention.kvHeads) * $0.attention.headSize }.max() ?? 0
        let feedForward = layers.map { ($0.feedForward.kind == .gated ? 2 : 1) * $0.feedForward.width }.max() ?? 0
        let inner = Workspace.stride(max(attention, feedForward))
        let branch = layers.contains { $0.topology == .sequential(.sandwich) || $0.topology == .parallel(norms: .two) } ? c : 0
        // The residual, its norm and the result of the last norm; each buffer has one of gradients beside it, and all are f32.
        let buffers = 2 * 4 * (3 * c + branch + (run.dropsSublayers ? c : 0) + inner)
        let scratch = run.recompute == .none ? 4 * c : 4 * max(c, feedForward)
        let logits = min(product(tokens, run.description.vocabularySize * 4), logitByteLimit)
        return product(tokens, buffers + scratch + 2 * 4 * widthAcross(run)) + logits
    }
}
