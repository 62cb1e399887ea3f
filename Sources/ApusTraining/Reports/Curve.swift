/// Values over steps, thinned out to what a picture can show.
struct Curve: Equatable {
    /// Neighbouring points as one: their mean, and how far they went.
    struct Point: Equatable {
        var step: Double
        var value: Double
        var low: Double
        var high: Double
    }

    private(set) var points: [Point] = []

    /// - Parameters:
    ///   - values: in the order of their steps; what is not finite is left out.
    ///   - limit: points at most.
    init(_ values: [(step: Int, value: Double)], limit: Int = 360) {
        let values = values.filter { $0.value.isFinite }
        guard let first = values.first?.step, let last = values.last?.step else { return }
        let width = max(1, Double(last - first + 1) / Double(limit))
        var bucket = -1, count = 0.0
        for (step, value) in values {
            let place = values.count <= limit ? bucket + 1 : min(limit - 1, Int(Double(step - first) / width))
            if place != bucket {
                points.append(Point(step: Double(step), value: value, low: value, high: value))
                (bucket, count) = (place, 1)
                continue
            }
            count += 1
            let index = points.count - 1
            points[index].step += (Double(step) - points[index].step) / count
            points[index].value += (value - points[index].value) / count
            points[index].low = min(points[index].low, value)
            points[index].high = max(points[index].high, value)
        }
    }

    /// The trend without the noise: means over neighbours on both sides, so that it does not lag; at the start, where curves are steep, over few.
    func smoothed(over span: Int) -> Curve {
        var curve = self
        for index in points.indices {
            let reach = min(span, index / 6), range = max(0, index - reach)...min(points.count - 1, index + reach)
            curve.points[index].value = points[range].reduce(0) { $0 + $1.value } / Double(range.count)
        }
        return curve
    }

    /// The value below which a share of the highs and lows lie.
    func quantile(_ share: Double) -> Double? {
        let sorted = points.flatMap { [$0.low, $0.high] }.sorted()
        return sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}
