/// What the penalties need to know of the tokens so far: which are in the look-back window, how often each was generated.
struct TokenHistory: Sendable {
    private let window: Int
    private var recent: [Int32] = []  // a ring of `window` tokens
    private var oldest = 0
    private(set) var countsInWindow: [Int32: Int32] = [:]
    private(set) var countsGenerated: [Int32: Int32] = [:]

    /// - Parameter window: how many of the last tokens count; -1 for all.
    init(window: Int) {
        self.window = window
    }

    mutating func append(_ token: Int32, generated: Bool) {
        if generated { countsGenerated[token, default: 0] += 1 }
        guard window != 0 else { return }
        countsInWindow[token, default: 0] += 1
        guard window > 0 else { return }
        guard recent.count == window else {
            recent.append(token)
            return
        }
        let leaving = recent[oldest]
        recent[oldest] = token
        oldest = oldest + 1 == window ? 0 : oldest + 1
        let left = countsInWindow[leaving]! - 1
        countsInWindow[leaving] = left == 0 ? nil : left
    }
}
