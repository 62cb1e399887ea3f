import Glibc

extension RandomStream {
    /// So many different numbers from 0 up to but not `bound`, in rising order; each set has the same chance (Floyd's method, Bentley 1987).
    mutating func distinct(_ count: Int, below bound: Int) -> [Int] {
        var chosen: Set<Int> = []
        for last in bound - count..<bound {
            let drawn = below(last + 1)
            chosen.insert(chosen.contains(drawn) ? last : drawn)
        }
        return chosen.sorted()
    }

    /// A number by Poisson's law: how many gaps of exponential length fit into `mean`.
    mutating func poisson(_ mean: Double) -> Int {
        var count = -1, length = 0.0
        repeat {
            count += 1
            length -= log(1 - uniform())
        } while length < mean
        return count
    }
}
