import ApusBase
import Glibc

/// `metrics.jsonl`: an object a line, a line a logged step. A run that is continued drops what was logged behind the step it continues from,
/// so that the file tells one story.
package final class MetricsFile {
    package let path: String
    /// What the file holds.
    package private(set) var records: [MetricsRecord]
    private var descriptor: Int32 = -1
    private var byteCount = 0

    /// - Parameter step: the last step whose lines are kept; 0 starts anew.
    /// - Throws: an `InputError` when a line is not one of ours, or the file cannot be written.
    package init(path: String, keepingThrough step: Int) throws(InputError) {
        self.path = path
        records = []
        let old = fileExists(path) ? try FileReader.contents(of: path) : []
        // What a process that was killed has left of a line does not end as a line does.
        let whole = old[..<(old.lastIndex(of: 10).map { $0 + 1 } ?? 0)]
        for (number, line) in whole.split(separator: 10).enumerated() {
            let subject = "\(path), line \(number + 1)"
            records.append(try MetricsRecord(JSON(parsing: Array(line), subject: subject), subject: subject))
        }
        try drop(after: step)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a line. One that does not go to the disk whole leaves nothing behind.
    package func append(_ record: MetricsRecord) throws(InputError) {
        let line = Array((record.json.serialized() + "\n").utf8)
        guard write(descriptor, line, line.count) == line.count else {
            let code = errno
            ftruncate(descriptor, off_t(byteCount))
            throw InputError(path, "cannot be written: \(systemMessage(code))", remedy: "free some space on the disk; what was there before is kept")
        }
        byteCount += line.count
        records.append(record)
    }

    /// Drops what was logged behind a step, for a run that goes back to a checkpoint.
    package func drop(after step: Int) throws(InputError) {
        records.removeAll { $0.step > step }
        let file = try AtomicFile(path: path)
        for record in records { try file.write(Array((record.json.serialized() + "\n").utf8)) }
        try file.commit()
        byteCount = file.byteCount
        if descriptor >= 0 { close(descriptor) }
        descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the file's permissions") }
    }

    /// Has the system write the lines to the disk: before a checkpoint, so that no step of it is missing here.
    package func sync() { fsync(descriptor) }
}
