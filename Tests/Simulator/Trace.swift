// What happened in a simulation, as one number: two runs from one seed have the same, or something is not from the
// seed. And as text, for the seed that failed.

public struct Trace {
    public enum Step: UInt64 {
        case sent = 1, delivered, lost, duplicated, damaged, discarded, state, ping, datagram
    }

    /// Of everything so far, in its order.
    public private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    public private(set) var steps = 0
    /// Every step as a line on standard output.
    public var isPrinted = false

    /// A step in a frame's life.
    @inline(__always)
    mutating func note(_ step: Step, _ frame: Frame, port: Int, at time: UInt64) {
        fold(step, port, frame.digest, time)
        if isPrinted { print(step, "\(frame)", port: port, at: time) }
    }

    /// A change at a station: `value` is what the digest takes of it, `text` what people read.
    mutating func note(_ step: Step, _ value: UInt64, port: Int, at time: UInt64, _ text: @autoclosure () -> String) {
        fold(step, port, value, time)
        if isPrinted { print(step, text(), port: port, at: time) }
    }

    @inline(__always)
    private mutating func fold(_ step: Step, _ port: Int, _ value: UInt64, _ time: UInt64) {
        steps += 1
        let word = SeededRandom.mix(time ^ UInt64(port) << 44 ^ step.rawValue << 58) ^ value
        digest = (digest ^ word) &* 0x100_0000_01b3
        digest ^= digest >> 31
    }

    private func print(_ step: Step, _ text: String, port: Int, at time: UInt64) {
        let micros = "\(1_000_000 + time / 1000 % 1_000_000)".dropFirst()
        Swift.print("\(time / 1_000_000_000).\(micros) station \(port) \(step): \(text)")
    }
}
