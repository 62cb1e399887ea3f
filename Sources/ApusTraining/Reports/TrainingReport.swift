import ApusBase

/// `report.html`: a run on one page that needs nothing else, written anew as the run goes on.
package struct TrainingReport: Sendable {
    package enum Status: Sendable, Equatable {
        case running, finished
        /// Why.
        case stopped(String)
    }

    /// The run's name.
    package var title: String
    /// The model and the data in a few words.
    package var subtitle: String
    package var status: Status
    package var progress: TrainingProgress
    /// What `metrics.jsonl` holds.
    package var records: [MetricsRecord]
    /// Seconds of training, those before a run was continued included.
    package var elapsedSeconds: Double
    /// Sections of keys and values.
    package var configuration: JSON

    package init(
        title: String, subtitle: String, status: Status, progress: TrainingProgress, records: [MetricsRecord], elapsedSeconds: Double,
        configuration: JSON
    ) {
        self.title = title
        self.subtitle = subtitle
        self.status = status
        self.progress = progress
        self.records = records
        self.elapsedSeconds = elapsedSeconds
        self.configuration = configuration
    }

    /// Puts the page in the place of the last one.
    /// - Parameter time: when, in the reader's words.
    package func write(to path: String, time: String) throws(InputError) {
        let file = try AtomicFile(path: path)
        try file.write(Array(page(time: time).utf8))
        try file.commit()
    }

    // MARK: The page

    func page(time: String) -> String {
        let refresh = status == .running ? "<meta http-equiv=\"refresh\" content=\"20\">\n" : ""
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            \(refresh)<title>\(HTML.escaped(title))</title>
            <style>
            \(Self.style)</style>
            </head>
            <body>
            \(header)\(tiles)\(charts)\(happenings)\(settings)<footer>Apus · \(HTML.escaped(time))</footer>
            </body>
            </html>

            """
    }

    private var header: String {
        let (word, name) =
            switch status {
            case .running: ("running", "running")
            case .finished: ("finished", "finished")
            case .stopped: ("stopped", "stopped")
            }
        let share = progress.totalSteps > 0 ? min(100, 100 * Double(progress.step) / Double(progress.totalSteps)) : 0
        var text = "<header>\n<div class=\"head\"><h1>\(HTML.escaped(title))</h1><span class=\"status \(name)\">\(word)</span></div>\n"
        text += "<p class=\"subtitle\">\(HTML.escaped(subtitle))</p>\n"
        if case .stopped(let reason) = status { text += "<p class=\"reason\">\(HTML.escaped(reason))</p>\n" }
        text += "<div class=\"bar\"><i style=\"width:\(Figure.text("%.2f", share))%\"></i></div>\n"
        text += "<p class=\"steps\"><span>step \(Figure.grouped(progress.step)) of \(Figure.grouped(progress.totalSteps))</span>"
        let rest = status == .running ? progress.remainingSeconds.map { ", about \(Figure.duration($0)) to go" } ?? "" : ""
        let taken = Figure.duration(elapsedSeconds) + (status == .running ? " so far" : "")
        return text + "<span>\(taken)\(rest)</span></p>\n</header>\n"
    }

    private var tiles: String {
        var tiles: [(label: String, value: String, note: String)] = []
        let losses = records.compactMap { record in record.loss.map { (record.step, $0) } }
        if let (_, loss) = losses.last {
            tiles.append(("Loss", Figure.text("%.4f", loss), losses.first.map { "from \(Figure.text("%.2f", $0.1)) at step \($0.0)" } ?? ""))
        }
        let validation = records.compactMap { record in record.validationLoss.map { (step: record.step, loss: $0) } }
        if let best = validation.filter({ $0.loss.isFinite }).min(by: { $0.loss < $1.loss }) {
            tiles.append(("Best validation loss", Figure.text("%.4f", best.loss), "at step \(Figure.grouped(best.step))"))
        }
        if let tokens = records.last(where: { $0.tokens != nil })?.tokens { tiles.append(("Tokens", Figure.count(tokens), "seen so far")) }
        if let speed = progress.tokensPerSecond {
            let note = progress.modelFlopsUtilization.map { "MFU \(Figure.text("%.1f", 100 * $0))%" } ?? ""
            tiles.append(("Tokens per second", Figure.count(speed.rounded()), note))
        }
        if let memory = records.compactMap(\.peakResidentByteCount).max() { tiles.append(("Peak memory", Figure.bytes(Double(memory)), "resident")) }
        if progress.skipped > 0 { tiles.append(("Skipped steps", Figure.grouped(progress.skipped), "not finite")) }
        let cells = tiles.map { tile in
            "<div class=\"tile\"><span>\(tile.label)</span><b>\(HTML.escaped(tile.value))</b><small>\(HTML.escaped(tile.note))</small></div>\n"
        }
        return "<section class=\"tiles\">\n\(cells.joined())</section>\n"
    }

    var events: [(step: Int, text: String)] { records.compactMap { record in record.event.map { (record.step, $0) } } }

    private var happenings: String {
        guard !events.isEmpty else { return "" }
        let items = events.map { "<li><b>step \(Figure.grouped($0.step))</b> \(HTML.escaped($0.text))</li>\n" }
        return "<section class=\"card\">\n<h2>Events</h2>\n<ul class=\"events\">\n\(items.joined())</ul>\n</section>\n"
    }

    private var settings: String {
        guard let sections = configuration.object, sections.count > 0 else { return "" }
        func plain(_ value: JSON) -> String {
            value.string ?? value.array.map { $0.map(plain).joined(separator: ", ") } ?? value.serialized()
        }
        let groups = sections.members.map { section, value in
            let rows = value.object?.members.map { ($0.key, plain($0.value)) } ?? [("", plain(value))]
            let cells = rows.map { "<dt>\(HTML.escaped($0.0))</dt><dd>\(HTML.escaped($0.1))</dd>\n" }
            return "<div><h3>\(HTML.escaped(section))</h3>\n<dl>\n\(cells.joined())</dl></div>\n"
        }
        return "<section class=\"card\">\n<h2>Configuration</h2>\n<div class=\"settings\">\n\(groups.joined())</div>\n</section>\n"
    }
}
