extension TrainingReport {
    /// The pictures, the loss first and widest.
    var charts: String {
        let marks = events.map(\.step), last = records.last?.step ?? 1
        func curve(_ value: (MetricsRecord) -> Double?) -> Curve {
            Curve(records.compactMap { record in value(record).map { (record.step, $0) } })
        }
        func small(
            _ title: String, _ name: String, _ color: Int, _ style: Chart.Series.Style, share: Double = 1, _ value: (MetricsRecord) -> Double?,
            format: @escaping (Double) -> String
        ) -> String {
            let series = Chart.Series(name: name, color: color, style: style, curve: curve(value))
            return figure(Chart(title: title, series: [series], lastStep: last, marks: marks, visibleShare: share, format: format), isWide: false)
        }
        let loss = Chart(
            title: "Loss",
            series: [
                Chart.Series(name: "training", color: 1, style: .trend, curve: curve(\.loss)),
                Chart.Series(name: "validation", color: 2, style: .dots, curve: curve(\.validationLoss)),
            ], lastStep: last, marks: marks, startsAtZero: false, visibleShare: records.count > 100 ? 0.96 : 1, width: 1040, height: 340
        ) { Figure.significant($0) }
        var text = "<section class=\"charts\">\n" + figure(loss, isWide: true)
        text += small("Learning rate", "rate", 3, .line, \.learningRate) { Figure.scientific($0) }
        text += small("Gradient norm", "norm", 4, .trend, share: 0.99, \.gradientNorm) { Figure.significant($0, 3) }
        text += small("Tokens per second", "tokens/s", 5, .line, \.tokensPerSecond) { Figure.count($0) }
        text += small("Memory", "peak", 1, .line, { $0.peakResidentByteCount.map(Double.init) }, format: { Figure.bytes($0) })
        return text + "</section>\n"
    }

    private func figure(_ chart: Chart, isWide: Bool) -> String {
        let shown = chart.series.filter { !$0.curve.points.isEmpty }
        guard !shown.isEmpty else { return "" }
        let legend = shown.map { series in
            let last = (series.style == .trend ? series.trend : series.curve).points.last
            let name = shown.count > 1 ? HTML.escaped(series.name) + " " : ""
            return "<span class=\"key c\(series.color)\">\(name)<b>\(HTML.escaped(chart.format(last!.value)))</b></span>"
        }
        let caption = "<figcaption><h2>\(HTML.escaped(chart.title))</h2>\(legend.joined())</figcaption>\n"
        return "<figure class=\"card\(isWide ? " wide" : "")\">\n\(caption)\(chart.svg)</figure>\n"
    }
}
