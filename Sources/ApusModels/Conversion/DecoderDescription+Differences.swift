import ApusDescription
import ApusLayers

extension DecoderDescription {
    /// What another description, read from what was written of this one, does not say as this one does. Numbers may differ as they are
    /// rounded on the way; the name of the architecture may be another.
    func differences(from other: DecoderDescription) -> [String] {
        var list: [String] = []
        func compare(_ what: String, _ isSame: Bool) { if !isSame, !list.contains(what) { list.append(what) } }
        compare("its sizes", vocabularySize == other.vocabularySize && width == other.width && layers.count == other.layers.count)
        compare("its norms", norm == other.norm && finalNorm == other.finalNorm)
        compare(
            "its embedding",
            (embedding.width, embedding.norm, embedding.tokenTypes) == (other.embedding.width, other.embedding.norm, other.embedding.tokenTypes))
        // √C may have been rounded to a type of 16 bits.
        compare("the scale of its embedding", isClose(Double(embedding.scale), Double(other.embedding.scale), within: 1.0 / 256))
        compare("its head", head == other.head && maskedHead == other.maskedHead)
        compare("its encoder", encoder == other.encoder)
        compare("its context of two directions", infilling == other.infilling)
        compare("the length of its context", contextLength == other.contextLength)
        for (own, its) in zip(layers, other.layers) {
            compare("its positions", position(of: own).agrees(with: other.position(of: its)))
            compare("the order of its norms and sublayers", own.topology == its.topology && own.crossAttention == its.crossAttention)
            let a = own.attention, b = its.attention
            compare("its heads", (a.heads, a.kvHeads, a.headSize) == (b.heads, b.kvHeads, b.headSize))
            compare("which keys each of its layers sees", a.mask == b.mask)
            compare("the biases of its attention", (a.inputBias, a.outputBias) == (b.inputBias, b.outputBias))
            compare("its norms of queries and keys", a.queryKeyNorm == b.queryKeyNorm)
            compare("the scale of its scores", isClose(a.scoreScale, b.scoreScale))
            compare("the cap of its scores", a.softCap == b.softCap)
            let f = own.feedForward, g = its.feedForward
            compare("its feed-forward network", (f.width, f.kind) == (g.width, g.kind))
            compare("the biases of its feed-forward network", f.bias == g.bias)
            compare("its activation", f.activation == g.activation)
        }
        return list
    }
}

extension AttentionDescription {
    fileprivate var scoreScale: Double { scale.map(Double.init) ?? 1 / Double(headSize).squareRoot() }
}

extension PositionEncoding {
    fileprivate func agrees(with other: PositionEncoding) -> Bool {
        guard case .rotary(let own) = self, case .rotary(let its) = other else { return self == other }
        return own.style == its.style && own.dimensions == its.dimensions && own.roundsFrequencies == its.roundsFrequencies
            && isClose(own.base, its.base) && own.scalingAgrees(with: its)
    }
}

extension RotaryDescription {
    fileprivate func scalingAgrees(with other: RotaryDescription) -> Bool {
        switch (scaling, other.scaling) {
        case (.yarn(let own), .yarn(let its)):
            return isClose(own.factor, its.factor) && own.originalContext == its.originalContext && isClose(own.betaFast, its.betaFast)
                && isClose(own.betaSlow, its.betaSlow) && isClose(own.attentionFactor, its.attentionFactor) && own.truncates == its.truncates
        case (.linear(let own), .linear(let its)): return isClose(own, its)
        // LLaMA 3's settings are found from its divisors, and the other way round.
        case (.llama3, .divisors), (.divisors, .llama3), (.divisors, .divisors), (.divisors, .none), (.none, .divisors):
            let own = RotaryTable.divisors(of: self), its = RotaryTable.divisors(of: other)
            return own.count == its.count && zip(own, its).allSatisfy { isClose(Double($0), Double($1), within: 1e-4) }
        default: return scaling == other.scaling
        }
    }
}

private func isClose(_ a: Double, _ b: Double, within tolerance: Double = 1e-6) -> Bool { abs(a - b) <= tolerance * max(abs(a), abs(b)) }
