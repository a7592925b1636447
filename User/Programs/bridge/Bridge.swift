// bridge: passes frames on between two cards, or between a card and this machine's own stack, without copying them: the
// buffers of two slots change places.

import SystemInterface
import UserLibrary

@main enum Bridge: Program {
    static let usage: StaticString = """
        usage: bridge [-b batch] interface interface|host
        Passes all frames on from one interface to the other, or between an interface and this machine's own stack (host); prints
        each second how many, and totals at the end. ^C ends it, and the cards are the stack's again.
          -b batch  frames that are passed on at a time at most, 1 to 512; 256 if not given
        """
    static let options: StaticString? = "b:"

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 2 else { arguments.refuse("two interfaces are needed, or one and the word host") }
        let batch = arguments.number("b", in: 1...PacketRingLayout.mostSlots) ?? 256
        let (first, second) = (arguments[0], arguments[1])
        guard first != second, first != "host" else { arguments.refuse("\(first) \(second): not two interfaces") }
        Interrupts.handle(.tells)
        if second == "host" {
            var passage = HostPassage(open(first, hostSlots: 128), batch: batch)
            print("bridge between \(first) and this machine's stack: ^C ends it")
            standardOutput.flush()
            passage.run()
        } else {
            // The slots of both have buffers of the first one's region.
            let port = open(first, extraBuffers: transmitSlots + receiveSlots)
            var passage = CardPassage(port, open(second, buffersOf: port), batch: batch)
            print("bridge between \(first) and \(second): ^C ends it")
            standardOutput.flush()
            passage.run()
        }
        return 0
    }

    // Twice as many are within `PacketRingLayout.mostBuffers`.
    private static var transmitSlots: Int { 248 }
    private static var receiveSlots: Int { 256 }

    private static func open(
        _ name: CString, hostSlots: Int = 0, extraBuffers: Int = 0, buffersOf other: PacketPort? = nil
    ) -> PacketPort {
        do throws(SystemError) {
            return try PacketPort(
                name, transmitSlots: transmitSlots, receiveSlots: receiveSlots, hostSlots: hostSlots,
                extraBuffers: extraBuffers, buffersOf: other)
        } catch {
            PacketPort.fail(name, error)
        }
    }
}

/// Frames passed on in both directions, and how they are printed.
struct Passed {
    private var counts: (UInt64, UInt64) = (0, 0)
    private var shown: (UInt64, UInt64) = (0, 0)
    private var shownAt = System.clock

    mutating func add(_ there: Int, _ back: Int) {
        counts.0 += UInt64(there)
        counts.1 += UInt64(back)
    }

    mutating func showEachSecond() {
        let now = System.clock
        guard now - shownAt >= 1_000_000_000 else { return }
        if counts != shown {
            print("\(counts.0 - shown.0) frames there, \(counts.1 - shown.1) back")
            standardOutput.flush()
        }
        shown = counts
        shownAt = now
    }

    func finish() { print("passed on \(counts.0) frames there, \(counts.1) back") }
}
