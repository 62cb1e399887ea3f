/// Philox4x32-10, a counter-based generator: every number is a function of (key, counter), so streams need no state and
/// draws do not depend on what else runs (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011).
package enum Philox {
    /// The four words at `counter` of the stream `key`.
    package static func words(key: SIMD2<UInt32>, counter: SIMD4<UInt32>) -> SIMD4<UInt32> {
        var (key, state) = (key, counter)
        for _ in 0..<10 {
            let left = state[0].multipliedFullWidth(by: 0xd251_1f53)
            let right = state[2].multipliedFullWidth(by: 0xcd9e_8d57)
            state = SIMD4(
                right.high ^ state[1] ^ key[0], right.low, left.high ^ state[3] ^ key[1], left.low)
            key &+= SIMD2(0x9e37_79b9, 0xbb67_ae85)
        }
        return state
    }

    /// A number in 0 ..< 1, uniform over the multiples of 2⁻⁵³, for step `step` of sequence `sequence`.
    package static func uniform(seed: UInt64, sequence: UInt32, step: UInt64) -> Double {
        let key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        let counter = SIMD4(UInt32(truncatingIfNeeded: step), UInt32(truncatingIfNeeded: step >> 32), sequence, 0)
        let words = words(key: key, counter: counter)
        return Double((UInt64(words[1]) << 32 | UInt64(words[0])) >> 11) * 0x1p-53
    }
}
