import Glibc

/// A piece of zeroed memory that tensors share. Large ones are backed by huge pages where the system has them, and no page is
/// taken before it is touched.
package final class Storage: @unchecked Sendable {
    package let byteCount: Int
    @usableFromInline let address: UnsafeMutableRawPointer
    private let owner: Storage?

    /// Nil when the system has no memory left.
    package init?(byteCount: Int) {
        let size = max(byteCount, 64)
        let huge = 2 << 20
        let reserve = size >= huge ? size + huge : size
        guard let start = mmap(nil, reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            start != MAP_FAILED
        else { return nil }
        var address = start
        if size >= huge {
            let aligned = (Int(bitPattern: start) + huge - 1) / huge * huge
            address = UnsafeMutableRawPointer(bitPattern: aligned)!
            if aligned > Int(bitPattern: start) { munmap(start, aligned - Int(bitPattern: start)) }
            let slack = Int(bitPattern: start) + reserve - aligned - size
            let tail = (aligned + size + 4095) / 4096 * 4096
            if slack > 4096 { munmap(UnsafeMutableRawPointer(bitPattern: tail)!, Int(bitPattern: start) + reserve - tail) }
            madvise(address, size, 14)  // MADV_HUGEPAGE
        }
        self.address = address
        self.byteCount = size
        owner = nil
    }

    /// A part of another storage, which it keeps alive.
    package init(part owner: Storage, at offset: Int, byteCount: Int) {
        precondition(offset >= 0 && byteCount >= 0 && offset + byteCount <= owner.byteCount)
        address = owner.address + offset
        self.byteCount = byteCount
        self.owner = owner
    }

    /// This part and the one that follows it in the same storage as one; nil where they are not such.
    package func joined(with next: Storage) -> Storage? {
        guard let owner, owner === next.owner, address + byteCount == next.address else { return nil }
        return Storage(part: owner, at: address - owner.address, byteCount: byteCount + next.byteCount)
    }

    deinit {
        if owner == nil { munmap(address, byteCount) }
    }

    /// The bytes. The caller keeps the storage alive and sees to it that no one else writes.
    package var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: address, count: byteCount) }
    /// The bytes as f32.
    package var floats: UnsafeMutablePointer<Float> { address.assumingMemoryBound(to: Float.self) }
}
