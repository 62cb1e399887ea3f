import Glibc
import Synchronization

/// A file that goes when this does, or when a signal ends the process, unless it is kept.
package final class TemporaryFile {
    package let path: String
    private let slot: Int?
    private var isKept = false

    private typealias Slot = Atomic<UnsafeMutablePointer<CChar>?>

    /// The names that a signal's handler goes through, which can wait for no lock. Whoever takes a name out of its slot owns it.
    nonisolated(unsafe) private static let slots: UnsafeMutableBufferPointer<Slot> = {
        let slots = UnsafeMutableBufferPointer<Slot>.allocate(capacity: 256)
        for index in 0..<slots.count { (slots.baseAddress! + index).initialize(to: Slot(nil)) }
        return slots
    }()

    /// Claims a name before the file is made. (Of more than 256 at once the rest would outlive a signal.)
    package init(path: String) {
        self.path = path
        let name = strdup(path)
        slot = Self.slots.indices.first { Self.slots[$0].compareExchange(expected: nil, desired: name, ordering: .acquiringAndReleasing).exchanged }
        if slot == nil { free(name) }
    }

    deinit {
        if !isKept { unlink(path) }
        release()
    }

    /// What has the name now stays.
    package func keep() {
        isKept = true
        release()
    }

    private func release() {
        guard let slot else { return }
        free(Self.slots[slot].exchange(nil, ordering: .acquiringAndReleasing))
    }

    /// Removes all of them, for the process is about to end; a signal's handler may call it, if it has been called before.
    package static func removeAll() {
        for index in slots.indices {
            if let name = slots[index].exchange(nil, ordering: .acquiringAndReleasing) { unlink(name) }
        }
    }
}
