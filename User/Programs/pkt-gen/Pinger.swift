// pkt-gen -f ping: one frame, its answer from a pkt-gen -f pong, and the time between them.

import SystemInterface
import UserLibrary

struct Pinger {
    private let settings: Settings
    private let frame: [UInt8]
    private var port: PacketPort
    private var tally = Tally()
    // Of the second that is not printed yet.
    private var count: UInt64 = 0
    private var sum: UInt64 = 0
    private var least = UInt64.max
    private var shownAt = System.clock
    /// Where a frame has its number, behind the headers.
    private static var number: Int { Template.headerCount }

    init(_ settings: Settings, _ template: Template, _ port: PacketPort) {
        self.settings = settings
        self.port = port
        var frame = template.frame(max(settings.length, Self.number + 4))
        (frame[40], frame[41]) = (0, 0)  // no checksum: the number changes
        self.frame = frame
    }

    mutating func run() throws(SystemError) {
        var answered = 0
        var next: UInt64 = 0
        var number: UInt16 = 0
        do throws(SystemError) {
            while answered < settings.count {
                if settings.rate > 0, next > System.clock { try System.sleep(nanoseconds: next - System.clock) }
                let sent = System.clock
                if settings.rate > 0 { next = sent + 1_000_000_000 / settings.rate }
                number &+= 1
                try send(number)
                if try hasAnswer(number, until: sent + 1_000_000_000) {
                    answered += 1
                    note(System.clock - sent)
                } else {
                    print("no answer to frame \(number)")
                }
                showEachSecond()
                if Interrupts.came() { break }
            }
        } catch .interrupted {
            _ = Interrupts.came()
        }
        show()
        tally.finish("Sent")
    }

    private mutating func send(_ number: UInt16) throws(SystemError) {
        while port.transmit.available == 0 { _ = try port.wait(for: PollEntry.writable, milliseconds: 1000) }
        let buffer = port.transmit.slot.buffer
        port.buffer(buffer).fill(from: frame)
        port.buffer(buffer).set16(number, Self.number)
        port.transmit.slot = PacketSlot(buffer: buffer, length: frame.count)
        port.transmit.advance()
        port.transmit.release()
        try port.synchronise(.transmit)
        tally.add(1, bytes: frame.count)
    }

    /// Waits for the answer, and passes over whatever else comes.
    private mutating func hasAnswer(_ number: UInt16, until end: UInt64) throws(SystemError) -> Bool {
        while true {
            while port.receive.available > 0 {
                let slot = port.receive.slot
                let bytes = port.buffer(slot.buffer)
                let isAnswer =
                    slot.length >= frame.count && bytes.number16(12) == 0x0800 && bytes.number16(Self.number) == number
                    && bytes.number16(36) == UInt16(frame[34]) << 8 | UInt16(frame[35])
                port.receive.advance()
                port.receive.release()
                if isAnswer { return true }
            }
            let now = System.clock
            guard now < end else { return false }
            _ = try port.wait(for: PollEntry.readable, milliseconds: Int32(max(1, (end - now) / 1_000_000)))
        }
    }

    private mutating func note(_ time: UInt64) {
        count += 1
        sum += time
        least = min(least, time)
    }

    private mutating func showEachSecond() {
        guard System.clock - shownAt >= 1_000_000_000 else { return }
        show()
        shownAt = System.clock
    }

    private mutating func show() {
        guard count > 0 else { return }
        print("count \(count) RTT: min \(least) av \(sum / count) ns")
        standardOutput.flush()
        (count, sum, least) = (0, 0, .max)
    }
}
