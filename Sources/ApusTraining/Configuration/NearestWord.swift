extension String {
    /// The word that takes the fewest changes to get to: insertions, deletions, replacements and swaps of neighbours of letters (the
    /// distance of Damerau and Levenshtein); nil without words.
    package func nearest(among words: [String]) -> String? {
        words.map { (distance: distance(to: $0), word: $0) }.min { $0.distance < $1.distance }?.word
    }

    /// Changes of letters, without regard to case, that make another word of it.
    func distance(to other: String) -> Int {
        let a = Array(lowercased().utf8), b = Array(other.lowercased().utf8)
        var before: [Int] = [], last = Array(0...b.count)
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var best = Swift.min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = Swift.min(best, before[j - 1] + 1) }
                row.append(best)
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
