// The kernel's own source of random numbers, from which the call `getrandom` draws. The network stack has one of its
// own.

import NetStack
import Storage

enum KernelRandom {
    private static let generator = SpinLock<RandomGenerator>(.random)

    /// Draws from a generator from now on. Once, during start-up.
    static func start(at place: Ref<RandomGenerator>) { generator.start(at: place) }

    /// Fills the array with random bytes.
    @inline(never)
    static func fill(_ bytes: inout [64 of UInt8]) {
        for place in stride(from: 0, to: 64, by: 8) {
            let number = generator.withLock { $0.number() }
            for index in 0..<8 { bytes[place + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index)) }
        }
    }
}
