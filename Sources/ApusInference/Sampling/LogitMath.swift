import ApusBase
import Glibc

/// Passes over all logits, eight lanes at a time.
enum LogitMath {
    static let blockSize = 64

    /// The greatest logit, and the greatest of each block of 64 in `maxima`.
    ///
    /// - Throws: an `InputError` when a logit is NaN or plus infinity, or none is above minus infinity.
    static func maxima(
        of logits: UnsafeMutableBufferPointer<Float>, into maxima: UnsafeMutableBufferPointer<Float>
    ) throws(InputError) -> Float {
        var greatest = -Float.infinity
        var sum = SIMD8<Float>()  // NaN when a logit is, or when infinities of both signs meet
        let start = UnsafeRawPointer(logits.baseAddress!)
        let whole = logits.count / blockSize
        for block in 0..<whole {
            var best = SIMD8<Float>(repeating: -.infinity)
            for lane in 0..<blockSize / 8 {
                let values = start.loadUnaligned(fromByteOffset: (block * blockSize + lane * 8) * 4, as: SIMD8<Float>.self)
                best.replace(with: values, where: values .> best)
                sum += values
            }
            maxima[block] = best.max()
            greatest = max(greatest, maxima[block])
        }
        var rest = sum.sum()
        if whole * blockSize < logits.count {
            var best = -Float.infinity
            for value in logits[(whole * blockSize)...] {
                best = value > best ? value : best
                rest += value
            }
            maxima[whole] = best
            greatest = max(greatest, best)
        }
        if rest.isNaN || greatest == .infinity || greatest == -.infinity { try diagnose(logits) }
        return greatest
    }

    /// Says what is wrong with the logits; returns when they are only so large that their sum is not a number.
    private static func diagnose(_ logits: UnsafeMutableBufferPointer<Float>) throws(InputError) {
        let remedy = "check the weights, adapters and logit biases for values that are not finite"
        for (token, value) in logits.enumerated() where value.isNaN || value == .infinity {
            throw InputError("logits", at: "token \(token)", "must be numbers below infinity, not \(value)", remedy: remedy)
        }
        guard logits.contains(where: { $0 > -.infinity }) else {
            throw InputError("logits", "all \(logits.count) are minus infinity: no token is allowed", remedy: remedy)
        }
    }

    /// eˣ for x ≤ 0, to 2 units in the last place; 0 below -87.
    static func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
        let floor = SIMD8<Float>(repeating: -87)
        let bounded = x.replacing(with: floor, where: x .< floor)
        // Adding 1.5 · 2²³ rounds to an integer, which then stands in the low bits.
        let shifted = bounded * 1.442_695_04 + 12_582_912
        let whole = shifted - 12_582_912
        let rest = bounded - whole * 0.693_145_75 - whole * 1.428_606_8e-6  // ln 2 in two parts: the first product is exact
        var sum = rest * (1.0 / 5040) + (1.0 / 720)  // Taylor to the 7th power: |rest| ≤ ln 2 / 2
        sum = sum * rest + (1.0 / 120)
        sum = sum * rest + (1.0 / 24)
        sum = sum * rest + (1.0 / 6)
        sum = sum * rest + 0.5
        sum = sum * rest + 1
        sum = sum * rest + 1
        let bits = unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- 0x4b40_0000 &+ 127
        let power = unsafeBitCast(bits &<< 23, to: SIMD8<Float>.self)
        return (sum * power).replacing(with: 0, where: x .< floor)
    }

    /// log Σ exp of all logits.
    static func logSumExp(_ logits: UnsafeBufferPointer<Float>) -> Float {
        var greatest = -Float.infinity
        for logit in logits where logit > greatest { greatest = logit }
        return greatest + Float(log(weigh(logits, greatest: greatest, temperature: 1, into: nil)))
    }

    /// weights[i] = exp((logits[i] - greatest) / temperature); their sum.
    static func weigh(
        _ logits: UnsafeBufferPointer<Float>, greatest: Float, temperature: Float,
        into weights: UnsafeMutableBufferPointer<Float>?
    ) -> Double {
        guard let base = logits.baseAddress else { return 0 }
        let from = UnsafeRawPointer(base)
        // Finite, so that the greatest logit weighs 1 whatever the temperature.
        let factor = min(1 / temperature, .greatestFiniteMagnitude)
        let to = weights.map { UnsafeMutableRawPointer($0.baseAddress!) }
        var total = 0.0
        var partial = SIMD8<Float>()
        let whole = logits.count / 8
        for index in 0..<whole {
            let values = from.loadUnaligned(fromByteOffset: index * 32, as: SIMD8<Float>.self)
            let weights = exponential((values - greatest) * factor)
            to?.storeBytes(of: weights, toByteOffset: index * 32, as: SIMD8<Float>.self)
            partial += weights
            if index % 16 == 15 {
                total += Double(partial.sum())
                partial = SIMD8()
            }
        }
        total += Double(partial.sum())
        for index in whole * 8..<logits.count {
            let weight = exponential(SIMD8(repeating: (logits[index] - greatest) * factor))[0]
            weights?[index] = weight
            total += Double(weight)
        }
        return total
    }
}
