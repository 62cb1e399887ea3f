import ApusTensor
import Glibc

/// Sines and cosines of positions that are added to embeddings (Vaswani et al. 2017), in the arrangement of tensor2tensor: first all
/// sines, then all cosines, with frequencies from 1 down to 1/10000.
package final class SinusoidalTable: Sendable {
    private let frequencies: [Float]

    /// - Parameter width: of the embedding, an even number.
    package init(width: Int) {
        let count = width / 2, step = Float(log(10000.0) / Double(count - 1))
        frequencies = (0..<count).map { Float(exp(Double(Float($0) * -step))) }
    }

    /// Fills a row `[C]` a position. Angles are rounded to f32 as the reference rounds them; far positions would differ otherwise.
    package func fill(_ rows: Rows, positions: some Sequence<Int>) {
        for (row, position) in positions.enumerated() {
            let values = rows[row]
            for (i, frequency) in frequencies.enumerated() {
                let angle = Double(Float(position) * frequency)
                values[i] = Float(sin(angle))
                values[frequencies.count + i] = Float(cos(angle))
            }
        }
    }
}
