import ApusBase
import Glibc

/// The checkpoints of one run, a folder each: `DIRECTORY/step-00000200`. Only one process has a directory at a time.
///
/// A checkpoint is written beside its place, each file synced, the marker last, and renamed: at every instant the newest complete one is
/// whole. Nothing tells how many ranks wrote it.
package final class CheckpointStore {
    package let directory: String
    private let keep: Int
    private let lock: RunLock

    static let prefix = "step-"

    /// - Parameter keep: how many checkpoints stay, the newest first; at least one.
    /// - Throws: an `InputError` when the directory cannot be written or another run has it.
    package init(directory: String, keep: Int) throws(InputError) {
        precondition(keep >= 1)
        self.directory = directory
        self.keep = keep
        for folder in try makeFolders(directory) { syncFolder(parentFolder(folder)) }
        lock = try RunLock(folder: directory)
        clean()
    }

    /// The steps of the checkpoints that are there, valid or not, the oldest first.
    package var steps: [Int] { fileNames(inFolder: directory).compactMap(Self.step).sorted() }

    package func path(ofStep step: Int) -> String { directory + "/" + name(ofStep: step) }

    func name(ofStep step: Int) -> String {
        let digits = String(step)
        return Self.prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    private static func step(_ name: String) -> Int? {
        let digits = name.dropFirst(prefix.count)
        guard name.hasPrefix(prefix), digits.count >= 8, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
        return Int(digits)
    }

    // MARK: Reading

    /// The newest valid checkpoint up to a step, every byte of it checked, and why each newer one was passed over.
    /// Nil when there is none.
    package func newestValid(upTo limit: Int = .max) -> (checkpoint: TrainingCheckpoint?, skipped: [InputError]) {
        var skipped: [InputError] = []
        for step in steps.reversed() where step <= limit {
            do throws(InputError) {
                return (try TrainingCheckpoint(path: path(ofStep: step), step: step), skipped)
            } catch {
                skipped.append(error)
            }
        }
        return (nil, skipped)
    }

    /// Gives the checkpoints behind a step, which were found to be damaged, names that are none of checkpoints: they no longer stand for
    /// valid ones when the oldest are removed.
    /// - Returns: their new paths.
    package func setAside(after step: Int) throws(InputError) -> [String] {
        try steps.filter { $0 > step }.map { (step) throws(InputError) in
            let path = path(ofStep: step), aside = freePath(path + ".damaged")
            guard rename(path, aside) == 0 else {
                throw InputError(path, "is damaged and cannot be renamed: \(systemMessage(errno))", remedy: "move it away")
            }
            return aside
        }
    }

    // MARK: Removing

    /// Removes the checkpoints behind a step: those of a history that a run which went back does not share.
    package func remove(after step: Int) { remove(steps.filter { $0 > step }) }

    func removeOldest() { remove(steps.dropLast(keep)) }

    /// A checkpoint that is being removed is none any more: it gets the name of a partial one first.
    private func remove(_ steps: some Sequence<Int>) {
        for step in steps {
            let aside = path(ofStep: step) + ".removed.partial"
            guard rename(path(ofStep: step), aside) == 0 else { continue }
            removeFolder(aside)
        }
    }
}
