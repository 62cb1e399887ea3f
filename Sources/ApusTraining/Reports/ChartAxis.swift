import Glibc

/// A linear scale with round numbers on it.
struct ChartAxis: Equatable {
    let low: Double
    let high: Double
    /// Where a number stands.
    let ticks: [Double]

    /// - Parameters:
    ///   - low, high: what is to be seen; moved outwards to round numbers if `isRounded`.
    ///   - count: about how many numbers.
    init(from low: Double, to high: Double, count: Int, isRounded: Bool = true) {
        let span = high > low ? high - low : max(abs(high), 1) * 0.1
        let raw = span / Double(max(count, 1)), power = pow(10, floor(log10(raw)))
        let step = [1, 2, 2.5, 5, 10].first { $0 * power >= raw * 0.999 }! * power
        let bottom = isRounded ? floor(low / step + 1e-9) * step : low
        let top = isRounded ? ceil(max(high, low + span * 0.5) / step - 1e-9) * step : low + span
        self.low = bottom
        self.high = top
        let first = Int(ceil(bottom / step - 1e-9)), last = Int(floor(top / step + 1e-9))
        ticks = first <= last ? (first...last).map { Double($0) * step } : []
    }

    /// 0 at the low end, 1 at the high one.
    func place(_ value: Double) -> Double { (value - low) / (high - low) }
}
