import ApusBase
import Testing

@testable import ApusTraining

/// The progress line, and the page of a run.
@Suite struct ReportTests {
    private var progress: TrainingProgress {
        var progress = TrainingProgress(step: 1200, totalSteps: 10_000, flopsPerToken: 9.2e7, skipped: 2)
        (progress.loss, progress.tokensPerSecond, progress.peakFlopsPerSecond) = (3.21456, 1462, 2.28e11)
        (progress.secondsPerStep, progress.residentByteCount) = (1.4, 1_420_000_000)
        return progress
    }

    // MARK: The line

    @Test func theLineSaysWhereTheRunIs() {
        #expect(
            progress.line(width: 200)
                == "step 1200/10000 · 12.0% · loss 3.2146 · 1.46 k tokens/s · MFU 59.0% · ETA 3 h 25 min · 1.42 GB · 2 skipped")
        var early = TrainingProgress(step: 0, totalSteps: 10, flopsPerToken: 1)
        #expect(early.line(width: 80) == "step 0/10 · 0.0%")
        early.validationLoss = 2
        #expect(early.line(width: 80) == "step 0/10 · 0.0% · validation 2.0000")
    }

    @Test func theLineFitsTheTerminal() {
        #expect(progress.line(width: 80) == "step 1200/10000 · 12.0% · loss 3.2146 · 1.46 k tokens/s · ETA 3 h 25 min")
        #expect(progress.line(width: 40) == "step 1200/10000 · loss 3.2146")
        for width in 0...130 { #expect(progress.line(width: width).count <= width) }
    }

    @Test(arguments: [
        (0.0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (599, "9 min 59 s"), (3599, "59 min"), (3600, "1 h 00 min"), (90_000, "1 d 01 h"), (.infinity, "–"),
    ]) func durations(seconds: Double, expected: String) { #expect(Figure.duration(seconds) == expected) }

    @Test func figures() {
        let counts = [0, 7, 999, 1000, 1462, 18_400, 999_960, 1_350_000].map { Figure.count($0) }
        #expect(counts == ["0", "7", "999", "1.00 k", "1.46 k", "18.4 k", "1.00 M", "1.35 M"])
        #expect([0, 1500, 2.05e9, 1.2e12].map { Figure.bytes($0) } == ["0 B", "1.50 kB", "2.05 GB", "1.20 TB"])
        #expect([0, 0.002, 3e-4, 2.5e-5, 1e-10].map { Figure.scientific($0) } == ["0", "0.002", "3 × 10⁻⁴", "2.5 × 10⁻⁵", "1 × 10⁻¹⁰"])
        #expect(
            ["1.50 GB", "2.00 k", "100 k", "0", "1.20 × 10⁻⁴", "1.10e+10"].map(Figure.trimmed) == ["1.5 GB", "2 k", "100 k", "0", "1.2 × 10⁻⁴", "1.10e+10"])
        #expect(Figure.grouped(1_234_567) == "1\u{202F}234\u{202F}567" && Figure.grouped(12) == "12")
    }

    // MARK: Pictures

    @Test func aLongCurveIsThinnedOut() {
        let curve = Curve((1...10_000).map { (step: $0, value: Double($0 % 2)) }, limit: 100)
        #expect(curve.points.count == 100)
        #expect(curve.points.allSatisfy { $0.low == 0 && $0.high == 1 && abs($0.value - 0.5) < 0.01 })
        #expect(curve.points.first?.step == 50.5 && curve.points.last?.step == 9950.5)
        let short = Curve([(5, 1), (6, .nan), (900, 3)], limit: 100)
        #expect(short.points.map(\.step) == [5, 900])
        #expect(Curve([]).points.isEmpty)
        // A trend keeps what is straight as it is, and no more than a tenth of the noise.
        let straight = Curve((0..<200).map { (step: $0, value: Double($0)) }).smoothed(over: 10)
        #expect(straight.points.prefix(190).allSatisfy { abs($0.value - $0.step) < 1e-9 })
        let noisy = Curve((0..<200).map { (step: $0, value: $0 % 2 == 0 ? 1 : -1) }).smoothed(over: 10)
        #expect(noisy.points.dropFirst(60).allSatisfy { abs($0.value) < 0.1 })
    }

    @Test func axesHaveRoundNumbers() {
        #expect(ChartAxis(from: 2.93, to: 9.7, count: 6).ticks == [2, 4, 6, 8, 10])
        #expect(ChartAxis(from: 0, to: 3e-4, count: 4).ticks.count == 4)
        #expect(ChartAxis(from: 0, to: 1000, count: 5, isRounded: false).ticks == [0, 200, 400, 600, 800, 1000])
        for value in [0, -3, 1e-30, 1e30] {
            let axis = ChartAxis(from: value, to: value, count: 4)
            #expect(axis.high > axis.low && axis.ticks.count >= 1 && axis.place(value).isFinite, "\(value)")
        }
    }

    // MARK: The page

    private func report(_ status: TrainingReport.Status, steps: Int) -> TrainingReport {
        let records = (0..<steps).map { index in
            var record = MetricsRecord(step: 10 * index + 10)
            (record.loss, record.learningRate, record.gradientNorm) = (3 + 5 / Double(index + 1), 3e-4, 1.5)
            (record.tokensPerSecond, record.peakResidentByteCount, record.tokens) = (1462, 1_420_000_000, 5120 * (index + 1))
            if index == 31 { record.event = "the loss was 7.2 at step 345; back to step 250" }
            if index % 20 == 0 { record.validationLoss = 3.5 + 5 / Double(index + 1) }
            return record
        }
        return TrainingReport(
            title: "runs/<x> & \"y\"", subtitle: "15.2 M", status: status, progress: progress, records: records, elapsedSeconds: 65,
            configuration: .object(["optimizer": .object(["kind": .string("adamw"), "betas": .array([.number(0.9), .number(0.95)])])]))
    }

    /// Names of the elements that are open at the end, or nil where one closes that was not open.
    private func openElements(_ page: String) -> [String]? {
        var open: [String] = []
        for part in page.split(separator: "<").dropFirst() {
            let name = part.prefix { $0.isLetter || $0.isNumber || $0 == "/" || $0 == "!" }
            let tag = part.prefix { $0 != ">" }
            if name.hasPrefix("/") {
                guard open.popLast() == String(name.dropFirst()) else { return nil }
            } else if !tag.hasSuffix("/"), !["!doctype", "!", "meta"].contains(String(name)) {
                open.append(String(name))
            }
        }
        return open
    }

    @Test(arguments: [0, 1, 2, 500]) func thePageIsWhole(steps: Int) throws {
        let page = report(.running, steps: steps).page(time: "now")
        #expect(openElements(page) == [])
        #expect(page.contains("<title>runs/&lt;x&gt; &amp; &quot;y&quot;</title>"))
        #expect(!page.contains("<script") && !page.contains("src=") && !page.contains("href="), "it needs something else")
        #expect(!page.contains("nan") && !page.contains("inf\""))
        #expect(page.split(separator: "<svg").count - 1 == (steps == 0 ? 0 : 5))
        #expect(page.contains("<dt>betas</dt><dd>0.9, 0.95</dd>"))
        #expect(page.contains("<b>step 320</b> the loss was 7.2 at step 345; back to step 250") == (steps > 31))
        #expect(page.contains("class=\"mark\"") == (steps > 31))
        #expect(page.utf8.count < 500_000)
    }

    @Test func thePageSaysHowTheRunStands() throws {
        let running = report(.running, steps: 30).page(time: "12:00"), finished = report(.finished, steps: 30).page(time: "12:00")
        #expect(running.contains("http-equiv=\"refresh\"") && running.contains("3 h 25 min to go"))
        #expect(!finished.contains("http-equiv=\"refresh\"") && !finished.contains("to go"))
        #expect(report(.stopped("training, at step 9: a < b"), steps: 30).page(time: "").contains("<p class=\"reason\">training, at step 9: a &lt; b</p>"))
        #expect(finished.contains("<span>Best validation loss</span><b>3.7381</b><small>at step 210</small>"))
        #expect(running.contains("12:00"))
        let scratch = ScratchFolder(memory: true), path = scratch.path + "/report.html"
        for status in [TrainingReport.Status.running, .finished] { try report(status, steps: 30).write(to: path, time: "12:00") }
        #expect(try String(decoding: FileReader.contents(of: path), as: UTF8.self) == finished)
    }
}
