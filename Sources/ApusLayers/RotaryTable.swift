import ApusDescription
import ApusTensor
import Glibc

/// Cosines and sines of the angles by which the rows of a batch turn: `[M, pairs]`.
package struct RotaryAngles {
    package let cosines: Rows
    package let sines: Rows

    package init(cosines: Rows, sines: Rows) {
        self.cosines = cosines
        self.sines = sines
    }

    package func rows(_ range: Range<Int>) -> RotaryAngles { RotaryAngles(cosines: cosines.rows(range), sines: sines.rows(range)) }
}

/// Cosines and sines of rotary positions, computed in double precision.
package final class RotaryTable: Sendable {
    package let description: RotaryDescription
    /// Pairs of elements that turn.
    package let pairCount: Int
    private let frequencies: [Double]

    package init(_ description: RotaryDescription) {
        self.description = description
        pairCount = description.dimensions / 2
        frequencies = RotaryTable.frequencies(description, base: description.base)
    }

    /// Fills a row a position. `sequenceLength` matters to dynamic NTK alone.
    package func fill(_ angles: RotaryAngles, positions: some Sequence<Int>, sequenceLength: Int) {
        let frequencies = self.frequencies(sequenceLength: sequenceLength)
        let factor = attentionFactor
        for (row, position) in positions.enumerated() {
            let c = angles.cosines[row], s = angles.sines[row]
            for i in 0..<pairCount {
                // The reference rounds the angle to f32; far positions would differ otherwise.
                let angle = Double(Float(position) * Float(frequencies[i]))
                c[i] = Float(cos(angle) * factor)
                s[i] = Float(sin(angle) * factor)
            }
        }
    }

    /// What each frequency is divided by to stretch the context: `dimensions / 2` numbers.
    package static func divisors(of description: RotaryDescription) -> [Float] {
        var plain = description
        plain.scaling = .none
        return zip(frequencies(plain, base: plain.base), frequencies(description, base: description.base)).map { Float($0 / $1) }
    }

    private var attentionFactor: Double {
        if case .yarn(let yarn) = description.scaling { yarn.attentionFactor } else { 1 }
    }

    private func frequencies(sequenceLength: Int) -> [Double] {
        guard case .dynamicNTK(let factor, let original) = description.scaling, sequenceLength > original else { return frequencies }
        let d = Double(description.dimensions)
        let stretch = factor * Double(sequenceLength) / Double(original) - (factor - 1)
        return RotaryTable.frequencies(description, base: description.base * pow(stretch, d / (d - 2)))
    }

    private static func frequencies(_ description: RotaryDescription, base: Double) -> [Double] {
        let exact = unroundedFrequencies(description, base: base)
        return description.roundsFrequencies ? exact.map { Double(Float16($0)) } : exact
    }

    private static func unroundedFrequencies(_ description: RotaryDescription, base: Double) -> [Double] {
        let pairs = description.dimensions / 2
        let plain = (0..<pairs).map { pow(base, -2 * Double($0) / Double(description.dimensions)) }
        switch description.scaling {
        case .none, .dynamicNTK: return plain
        case .linear(let factor): return plain.map { $0 / factor }
        case .divisors(let divisors): return zip(plain, divisors).map { $0 / Double($1) }
        case .yarn(let yarn): return yarnFrequencies(plain, base: base, dimensions: description.dimensions, yarn)
        case .llama3(let factor, let low, let high, let original):
            return plain.map { frequency in
                let turns = Double(original) * frequency / (2 * .pi)  // in the original context
                if turns > high { return frequency }
                if turns < low { return frequency / factor }
                let smooth = (turns - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }

    private static func yarnFrequencies(_ plain: [Double], base: Double, dimensions: Int, _ yarn: RotaryDescription.YaRN) -> [Double] {
        // The dimension whose wave turns `turns` times in the original context.
        func dimension(_ turns: Double) -> Double {
            Double(dimensions) * log(Double(yarn.originalContext) / (turns * 2 * .pi)) / (2 * log(base))
        }
        var low = dimension(yarn.betaFast), high = dimension(yarn.betaSlow)
        if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        low = max(low, 0)
        high = min(high, Double(dimensions - 1))
        if low == high { high += 0.001 }
        return plain.enumerated().map { i, frequency in
            let ramp = min(max((Double(i) - low) / (high - low), 0), 1)
            return frequency / yarn.factor * ramp + frequency * (1 - ramp)
        }
    }
}
