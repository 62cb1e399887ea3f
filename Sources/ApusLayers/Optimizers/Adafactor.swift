import ApusTensor
import Glibc

/// Adafactor (Shazeer & Stern 2018) without a first moment: of a matrix's second moments only the means of rows and columns are kept.
package struct Adafactor: Optimizer, Equatable {
    /// Whether steps are relative to the size of a parameter, min(0.01, 1/√t) of it, whatever the learning rate.
    package var relativeStep = false
    /// Added to squares of gradients.
    package var epsilon = 1e-30
    /// The least size of a parameter, for relative steps.
    package var leastSize = 1e-3
    /// The greatest root of the mean square of an update before the learning rate.
    package var clipThreshold = 1.0
    /// Second moments decay by 1 - step^-0.8.
    package var decayRate = 0.8
    package var weightDecay = 0.0

    package init() {}

    package func buffers(for slices: [OptimizerSlice]) -> [OptimizerBuffer] {
        [
            OptimizerBuffer("rows", slices) { $0.isMatrix ? $0.shape[0] : 0 }, OptimizerBuffer("columns", slices) { $0.isMatrix ? $0.shape[1] : 0 },
            OptimizerBuffer("vectors", slices) { $0.isMatrix ? 0 : $0.count },
        ]
    }

    package func scratchCount(for slices: [OptimizerSlice]) -> Int { slices.filter(\.isMatrix).map { $0.shape[0] + $0.shape[1] }.max() ?? 0 }

    package func update(_ step: OptimizerStep, weights: Storage, gradients: Storage, state: OptimizerState, on backend: any UpdateBackend) {
        let kept = 1 - pow(Double(step.number), -decayRate)
        for (index, slice) in state.slices.enumerated() {
            let range = slice.offset..<slice.offset + slice.count
            let parameter = weights.row(range), gradient = gradients.row(range)
            var squares: Double
            if slice.isMatrix {
                squares = divideMatrix(
                    Rows(gradients, offset: slice.offset, count: slice.shape[0], width: slice.shape[1]), scale: step.gradientScale, kept: kept,
                    state: state, index: index, on: backend)
            } else {
                backend.synchronize()
                squares = divideVector(gradient, scale: step.gradientScale, kept: kept, state.part(2, of: index))
            }
            squares = (squares / Double(slice.count)).squareRoot()
            var numbers = WeightUpdate(learningRate: step.learningRate)
            if relativeStep {
                let size = (backend.sumOfSquares(parameter) / Double(slice.count)).squareRoot()
                numbers.learningRate = max(leastSize, size) * min(0.01, 1 / Double(step.number).squareRoot())
            }
            numbers.weightDecay = slice.decays ? weightDecay : 0
            numbers.gradientScale = 1 / max(1, squares / clipThreshold)
            backend.move(parameter, along: gradient, numbers)
        }
    }

    /// Divides gradients by the roots of their second moments, taken as the product of the means of their row and column. Returns the sum of
    /// the results' squares.
    private func divideMatrix(
        _ gradient: Rows, scale: Double, kept: Double, state: OptimizerState, index: Int, on backend: any UpdateBackend
    ) -> Double {
        let rows = state.part(0, of: index), columns = state.part(1, of: index)
        let rowFactors = state.scratch(0..<rows.width), columnFactors = state.scratch(rows.width..<rows.width + columns.width)
        backend.meanSquares(gradient, scale: Float(scale), ofRows: rowFactors, ofColumns: columnFactors)
        backend.synchronize()
        var total = 0.0
        for i in 0..<rows.width {
            rows[0][i] = Float(kept * Double(rows[0][i]) + (1 - kept) * (Double(rowFactors[0][i]) + epsilon))
            total += Double(rows[0][i])
        }
        let mean = total / Double(rows.width)
        for i in 0..<rows.width { rowFactors[0][i] = Float(scale / (Double(rows[0][i]) / mean).squareRoot()) }
        for i in 0..<columns.width {
            columns[0][i] = Float(kept * Double(columns[0][i]) + (1 - kept) * (Double(columnFactors[0][i]) + epsilon))
            columnFactors[0][i] = Float(1 / Double(columns[0][i]).squareRoot())
        }
        return backend.scale(gradient, byRows: rowFactors, andColumns: columnFactors)
    }

    /// The same of a vector, whose second moments are kept whole.
    private func divideVector(_ gradient: Rows, scale: Double, kept: Double, _ second: Rows) -> Double {
        var total = 0.0
        for i in 0..<gradient.width {
            let g = Double(gradient[0][i]) * scale
            second[0][i] = Float(kept * Double(second[0][i]) + (1 - kept) * (g * g + epsilon))
            gradient[0][i] = Float(g / Double(second[0][i]).squareRoot())
            total += Double(gradient[0][i]) * Double(gradient[0][i])
        }
        return total
    }
}
