import ApusBase
import Glibc

/// What a run leaves for people and scripts to see, in its folder: `metrics.jsonl`, `tensorboard/` and `report.html`.
package final class RunLog {
    private let directory: String
    private let metrics: MetricsFile
    private let board: TensorBoardWriter?
    private let title: String
    private let subtitle: String
    private let configuration: JSON
    private var event: String?
    private var reported: ContinuousClock.Instant?

    /// - Parameters:
    ///   - title, subtitle: of the report: the run's name, and the model and the data in a few words.
    ///   - step: the one that the run goes on from; 0 for a new run.
    /// - Throws: an `InputError` when a file cannot be read or written.
    package init(
        directory: String, title: String, subtitle: String, configuration: JSON, tensorBoard: Bool, continuingFrom step: Int
    ) throws(InputError) {
        self.directory = directory
        self.title = title
        self.subtitle = subtitle
        self.configuration = configuration
        metrics = try MetricsFile(path: directory + "/metrics.jsonl", keepingThrough: step)
        board = tensorBoard ? try TensorBoardWriter(folder: directory + "/tensorboard", continuingFrom: step) : nil
        let text = "```json\n" + configuration.serialized(pretty: true) + "\n```"
        try board?.add(text: text, tag: "configuration", step: step)
    }

    /// A logged step. The report is written anew when the last one is some seconds old.
    package func add(_ record: MetricsRecord, _ progress: TrainingProgress, elapsedSeconds: Double) throws(InputError) {
        var record = record
        if let event { record.event = event }
        event = nil
        try metrics.append(record)
        try board?.add(record)
        if let reported, reported.duration(to: .now) < .seconds(10) { return }
        try report(.running, progress, elapsedSeconds)
    }

    /// The run has gone back to the checkpoint of a step: what was logged behind it does not count. The next line says why.
    package func goBack(to step: Int, _ reason: String) throws(InputError) {
        try metrics.drop(after: step)
        try board?.wentBack(to: step)
        event = reason
    }

    /// Has the system write the metrics to the disk: before a checkpoint, so that no step of it is missing there.
    package func sync() { metrics.sync() }

    /// The run is over.
    package func end(_ status: TrainingReport.Status, _ progress: TrainingProgress, elapsedSeconds: Double) throws(InputError) {
        metrics.sync()
        try report(status, progress, elapsedSeconds)
    }

    private func report(_ status: TrainingReport.Status, _ progress: TrainingProgress, _ elapsedSeconds: Double) throws(InputError) {
        let report = TrainingReport(
            title: title, subtitle: subtitle, status: status, progress: progress, records: metrics.records, elapsedSeconds: elapsedSeconds,
            configuration: configuration)
        try report.write(to: directory + "/report.html", time: Self.now)
        reported = .now
    }

    /// "2026-11-26 19:40 UTC"
    private static var now: String {
        var seconds = time(nil), parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ value: Int32) -> String { (value < 10 ? "0" : "") + String(value) }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday)) \(two(parts.tm_hour)):\(two(parts.tm_min)) UTC"
    }
}
