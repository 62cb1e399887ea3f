/// Token ids as they are appended; the owner frees the memory.
struct TokenBuffer {
    private(set) var tokens: UnsafeMutablePointer<Int32>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        tokens = .allocate(capacity: self.capacity)
    }

    func deallocate() { tokens.deallocate() }

    var array: [Int32] { Array(UnsafeBufferPointer(start: tokens, count: count)) }

    /// Makes room for `more` tokens to be written behind the last.
    @inline(__always)
    mutating func reserve(_ more: Int) {
        if count + more > capacity { grow(by: more) }
    }

    @inline(never)
    private mutating func grow(by more: Int) {
        capacity = capacity + capacity / 2 + more
        let larger = UnsafeMutablePointer<Int32>.allocate(capacity: capacity)
        larger.update(from: tokens, count: count)
        tokens.deallocate()
        tokens = larger
    }

    mutating func append(_ token: Int32) {
        reserve(1)
        tokens[count] = token
        count += 1
    }

    @inline(__always)
    mutating func append(_ source: UnsafePointer<UInt32>, _ more: Int) {
        reserve(more)
        for i in 0..<more { tokens[count + i] = Int32(bitPattern: source[i]) }
        count += more
    }

    /// Takes off the tokens behind the first `count`.
    mutating func truncate(to count: Int) { self.count = count }

    /// Takes up tokens written behind the last.
    @inline(__always)
    mutating func advance(by more: Int) { count += more }
}
