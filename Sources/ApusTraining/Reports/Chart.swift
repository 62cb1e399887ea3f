/// One picture of the report: curves over steps as inline SVG that needs no script.
struct Chart {
    struct Series {
        enum Style {
            /// The trend as a line, what it was made of as a shade behind it.
            case trend
            /// As measured, its extremes as a shade.
            case line
            /// Few values: a line with a dot for each.
            case dots
        }

        let name: String
        /// Which of the style sheet's colours: 1 to 5.
        let color: Int
        let style: Style
        let curve: Curve

        var trend: Curve { curve.smoothed(over: curve.points.count / 30) }
    }

    let title: String
    let series: [Series]
    /// The step at the right end.
    let lastStep: Int
    /// Steps of which the report has something to say.
    var marks: [Int] = []
    /// Whether the scale starts at 0.
    var startsAtZero = true
    /// Share of the values that must be in the picture: the loss of the first steps would press the rest flat.
    var visibleShare = 1.0
    var width = 512.0
    var height = 220.0
    let format: (Double) -> String

    private var left: Double { 58 }
    private var right: Double { width - 14 }
    private var top: Double { 10 }
    private var bottom: Double { height - 26 }

    // MARK: Scales

    private var vertical: ChartAxis {
        let highs = series.compactMap { $0.curve.quantile(visibleShare) }, lows = series.compactMap { $0.curve.quantile(0) }
        let high = highs.max() ?? 1, low = lows.min() ?? 0
        return ChartAxis(from: startsAtZero ? min(0, low) : low, to: high, count: height > 250 ? 6 : 4)
    }

    private var horizontal: ChartAxis { ChartAxis(from: 0, to: Double(max(lastStep, 1)), count: width > 700 ? 10 : 5, isRounded: false) }

    private func number(_ value: Double) -> String { Figure.text("%.1f", value) }

    // MARK: Drawing

    /// The `svg` element.
    var svg: String {
        let x = horizontal, y = vertical
        func across(_ step: Double) -> Double { left + x.place(step) * (right - left) }
        func down(_ value: Double) -> Double { bottom - y.place(value) * (bottom - top) }
        let clip = "clip-\(title.unicodeScalars.filter { $0.properties.isAlphabetic }.map(String.init).joined())"
        var text = "<svg viewBox=\"0 0 \(number(width)) \(number(height))\" role=\"img\" aria-label=\"\(HTML.escaped(title))\">\n"
        text +=
            "<clipPath id=\"\(clip)\"><rect x=\"\(number(left))\" y=\"\(number(top - 2))\" width=\"\(number(right - left + 2))\" height=\"\(number(bottom - top + 4))\"/></clipPath>\n"
        text += grid(x, y, across, down)
        for mark in marks {
            text +=
                "<line class=\"mark\" x1=\"\(number(across(Double(mark))))\" x2=\"\(number(across(Double(mark))))\" y1=\"\(number(top))\" y2=\"\(number(bottom))\"/>\n"
        }
        text += "<g clip-path=\"url(#\(clip))\">\n"
        for series in series { text += drawing(series, across, down) }
        text += "</g>\n" + readings(across, down) + "</svg>\n"
        return text
    }

    private func grid(_ x: ChartAxis, _ y: ChartAxis, _ across: (Double) -> Double, _ down: (Double) -> Double) -> String {
        var text = ""
        for tick in y.ticks {
            let height = number(down(tick))
            text += "<line class=\"\(tick == y.low ? "base" : "grid")\" x1=\"\(number(left))\" x2=\"\(number(right))\" y1=\"\(height)\" y2=\"\(height)\"/>"
            text +=
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(number(left - 8))\" y=\"\(number(down(tick) + 4))\">\(HTML.escaped(Figure.trimmed(format(tick))))</text>\n"
        }
        text += "<text class=\"tick\" text-anchor=\"end\" x=\"\(number(left - 8))\" y=\"\(number(bottom + 18))\">step</text>\n"
        for tick in x.ticks {
            let place = across(tick), anchor = place > right - 14 ? "end" : place < left + 4 ? "start" : "middle"
            text +=
                "<text class=\"tick\" text-anchor=\"\(anchor)\" x=\"\(number(place))\" y=\"\(number(bottom + 18))\">\(Figure.trimmed(Figure.count(tick)))</text>\n"
        }
        return text
    }

    private func drawing(_ series: Series, _ across: (Double) -> Double, _ down: (Double) -> Double) -> String {
        let points = series.curve.points, color = "c\(series.color)"
        guard !points.isEmpty else { return "" }
        func path(_ curve: Curve) -> String {
            "M" + curve.points.map { number(across($0.step)) + " " + number(down($0.value)) }.joined(separator: "L")
        }
        var text = ""
        if points.contains(where: { $0.low < $0.high }) {
            let upper = points.map { number(across($0.step)) + " " + number(down($0.high)) }
            let lower = points.reversed().map { number(across($0.step)) + " " + number(down($0.low)) }
            text += "<path class=\"shade \(color)\" d=\"M\((upper + lower).joined(separator: "L"))Z\"/>\n"
        }
        switch series.style {
        case .trend:
            text += "<path class=\"faint \(color)\" d=\"\(path(series.curve))\"/>\n"
            text += "<path class=\"line \(color)\" d=\"\(path(series.trend))\"/>\n"
        case .line: text += "<path class=\"line \(color)\" d=\"\(path(series.curve))\"/>\n"
        case .dots:
            text += "<path class=\"line \(color)\" d=\"\(path(series.curve))\"/>\n"
            if points.count <= 60 {
                for point in points {
                    text += "<circle class=\"dot \(color)\" cx=\"\(number(across(point.step)))\" cy=\"\(number(down(point.value)))\" r=\"3\"/>"
                }
            }
        }
        return text + "\n"
    }

    /// Strips over the picture that show the values below them when the pointer is there.
    private func readings(_ across: (Double) -> Double, _ down: (Double) -> Double) -> String {
        guard let main = series.first(where: { !$0.curve.points.isEmpty }) else { return "" }
        let points = main.curve.points, count = min(points.count, 90)
        var text = ""
        for strip in 0..<count {
            let point = points[strip * points.count / count], place = across(point.step)
            let from = strip == 0 ? left : (across(points[(strip - 1) * points.count / count].step) + place) / 2
            let to = strip == count - 1 ? right : (across(points[(strip + 1) * points.count / count].step) + place) / 2
            let isRight = place > (left + right) / 2
            var lines = ["step \(Figure.grouped(Int(point.step.rounded())))"]
            var dots = ""
            for series in series {
                guard let nearest = series.curve.points.min(by: { abs($0.step - point.step) < abs($1.step - point.step) }) else { continue }
                lines.append("\(series.name) \(format(nearest.value))")
                dots +=
                    "<circle class=\"dot c\(series.color)\" cx=\"\(number(across(nearest.step)))\" cy=\"\(number(max(top, down(nearest.value))))\" r=\"3.5\"/>"
            }
            text +=
                "<g class=\"strip\"><rect x=\"\(number(from))\" y=\"\(number(top))\" width=\"\(number(max(1, to - from)))\" height=\"\(number(bottom - top))\"/>"
            text += "<g class=\"reading\"><line x1=\"\(number(place))\" x2=\"\(number(place))\" y1=\"\(number(top))\" y2=\"\(number(bottom))\"/>\(dots)"
            for (row, line) in lines.enumerated() {
                text +=
                    "<text text-anchor=\"\(isRight ? "end" : "start")\" x=\"\(number(place + (isRight ? -8 : 8)))\" y=\"\(number(top + 14 + 16 * Double(row)))\">\(HTML.escaped(line))</text>"
            }
            text += "</g></g>\n"
        }
        return text
    }
}
