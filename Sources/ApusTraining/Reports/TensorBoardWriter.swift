import ApusBase
import Glibc

/// An event file of TensorBoard, one for each time that a run starts or goes on.
package final class TensorBoardWriter {
    package let path: String
    private let descriptor: Int32
    private var byteCount = 0

    /// - Parameters:
    ///   - folder: made if it is not there.
    ///   - step: the one that the run goes on from; 0 for a new run.
    ///   - seconds: since 1970, of the file's name and first events.
    package init(folder: String, continuingFrom step: Int, seconds: Double = TensorBoardWriter.now) throws(InputError) {
        try makeFolders(folder)
        // Several in one second, and of one process: the number tells them apart.
        var number = 0, descriptor: Int32 = -1, path = ""
        repeat {
            path = "\(folder)/events.out.tfevents.\(Int(seconds)).\(RunLock.Holder.thisMachine).\(getpid()).\(number)"
            descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o644)
            number += 1
        } while descriptor < 0 && errno == EEXIST && number < 1000
        guard descriptor >= 0 else { throw InputError(path, "cannot be written: \(systemMessage(errno))", remedy: "check the folder and its permissions") }
        self.path = path
        self.descriptor = descriptor
        try append(EventRecord.bytes(.version, step: 0, seconds: seconds))
        if step > 0 { try append(EventRecord.bytes(.restart, step: step + 1, seconds: seconds)) }
    }

    deinit { close(descriptor) }

    /// Seconds since 1970.
    package static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    package func add(_ record: MetricsRecord, seconds: Double = TensorBoardWriter.now) throws(InputError) {
        let values: [(String, Double?)] = [
            ("loss/train", record.loss), ("loss/validation", record.validationLoss), ("optimizer/learning_rate", record.learningRate),
            ("optimizer/gradient_norm", record.gradientNorm), ("optimizer/loss_scale", record.lossScale),
            ("speed/tokens_per_second", record.tokensPerSecond), ("speed/mfu", record.modelFlopsUtilization),
            ("memory/peak_rss_bytes", record.peakResidentByteCount.map(Double.init)),
        ]
        let scalars = values.compactMap { tag, value in value.map { (tag: tag, value: $0) } }
        try append(EventRecord.bytes(.scalars(scalars), step: record.step, seconds: seconds))
    }

    /// A text in Markdown, such as the configuration.
    package func add(text: String, tag: String, step: Int, seconds: Double = TensorBoardWriter.now) throws(InputError) {
        try append(EventRecord.bytes(.text(tag: tag, text), step: step, seconds: seconds))
    }

    /// The run has gone back to a step: what was said of later ones does not count.
    package func wentBack(to step: Int, seconds: Double = TensorBoardWriter.now) throws(InputError) {
        try append(EventRecord.bytes(.restart, step: step + 1, seconds: seconds))
    }

    private func append(_ bytes: [UInt8]) throws(InputError) {
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            let code = errno
            ftruncate(descriptor, off_t(byteCount))
            throw InputError(path, "cannot be written: \(systemMessage(code))", remedy: "free some space on the disk, or set log.tensorboard: false")
        }
        byteCount += bytes.count
    }
}
