// One run of ping: requests at their times, and all that comes back meanwhile.

import SystemInterface
import UserLibrary

struct PingRun {
    var host = NetworkAddress.none
    var count = Int.max
    var size = 56
    /// Nanoseconds between two requests, and for a reply.
    var interval: UInt64 = 1_000_000_000
    var patience: UInt64 = 1_000_000_000
    /// After the last request, when nothing came back at all.
    var lingers: UInt64 = 0
    var floods = false
    var isQuiet = false

    private(set) var times = Statistics()
    private var sent = 0
    private var duplicates = 0
    private var changed = 0
    private var errors = 0
    private var began: UInt64 = 0
    /// Of the last requests, by sequence number: when each left, and what became of it.
    private var requests = [Request](repeating: Request(), count: Self.remembered)
    /// Requests up to this one were answered or reported as lost.
    private var settled = 0
    private var buffer = [UInt8](repeating: 0, count: 65_536)

    private static let remembered = 1024
    private static let headerCount = 8

    private struct Request {
        var number = 0
        var sentAt: UInt64 = 0
        /// Answered, or in error.
        var isDone = false
    }

    private enum Wake { case arrived, timeOver, interrupted }

    /// Sends and receives until all is done, or ^C.
    mutating func loop(_ socket: FileDescriptor) throws(SystemError) {
        began = System.clock
        var next = began
        while true {
            let now = System.clock
            if sent < count, now >= next {
                send(socket)
                // After a pause of the machine requests are not made up for.
                next = max(next + interval, System.clock)
            }
            reportLost(System.clock)
            if sent == count, isOver(System.clock) { return }
            var deadline = min(sent < count ? next : .max, nextLoss)
            if deadline == .max { deadline = System.clock + 200_000_000 }
            switch try wait(socket, until: deadline) {
            case .timeOver: break
            case .interrupted: return
            case .arrived: if try take(socket), floods { next = System.clock }
            }
        }
    }

    /// All requests are done with. Where nothing answers, that the neighbour is silent may still be found out.
    private func isOver(_ now: UInt64) -> Bool {
        if times.count + errors >= sent { return true }
        guard settled == sent else { return false }
        let last = requests[sent % Self.remembered].sentAt
        return times.count > 0 || lingers <= patience || now - min(now, last) >= lingers
    }

    private mutating func wait(_ socket: FileDescriptor, until deadline: UInt64) throws(SystemError) -> Wake {
        var entries = [PollEntry(descriptor: socket.rawValue)]
        let now = System.clock
        let left = deadline > now ? deadline - now : 0
        do throws(SystemError) {
            if left > 0, left < 2_000_000 {  // poll counts milliseconds
                if try System.poll(&entries, milliseconds: 0) > 0 { return .arrived }
                try System.sleep(nanoseconds: min(left, 500_000))
                return .timeOver
            }
            let milliseconds = Int32(min(left / 1_000_000, 1_000_000))
            return try System.poll(&entries, milliseconds: milliseconds) > 0 ? .arrived : .timeOver
        } catch .interrupted {
            if Interrupts.came() { return .interrupted }
            return .timeOver
        }
    }

    // MARK: Requests

    private mutating func send(_ socket: FileDescriptor) {
        sent += 1
        var message = [UInt8](repeating: 0, count: Self.headerCount + size)
        message[6] = UInt8(truncatingIfNeeded: sent >> 8)
        message[7] = UInt8(truncatingIfNeeded: sent)
        for index in 0..<size { message[Self.headerCount + index] = UInt8(truncatingIfNeeded: index) }
        if floods, !isQuiet { standardOutput.write(".") }
        requests[sent % Self.remembered] = Request(number: sent, sentAt: System.clock)
        do throws(SystemError) {
            let start = System.clock
            try System.send(socket, message.span, to: SocketAddress(host, port: 0))
            let now = System.clock
            // The first one may have waited until there was an address.
            if sent == 1, now - start > 100_000_000 { requests[sent].sentAt = now }
        } catch {
            // The way may come back: one request that cannot be sent does not end the run.
            if error == .interrupted { return }
            if sent == 1, error == .networkDown || error == .networkUnreachable { fail("\(address: host): \(error)") }
            errors += 1
            finish(sent)
            complain("icmp_seq=\(sent): \(error)")
        }
    }

    private mutating func finish(_ number: Int) {
        if requests[number % Self.remembered].number == number { requests[number % Self.remembered].isDone = true }
    }

    /// When the first request that is still open counts as lost.
    private var nextLoss: UInt64 {
        guard settled < sent else { return .max }
        let request = requests[(settled + 1) % Self.remembered]
        return request.isDone ? 0 : request.sentAt + min(patience, .max - request.sentAt)
    }

    private mutating func reportLost(_ now: UInt64) {
        while settled < sent {
            let request = requests[(settled + 1) % Self.remembered]
            if request.number == settled + 1, !request.isDone {
                guard now >= request.sentAt, now - request.sentAt >= patience else { return }
                if !isQuiet, !floods { say("no answer yet for icmp_seq=\(settled + 1)") }
            }
            settled += 1
        }
    }

    // MARK: Replies

    /// Takes one message; true for the first reply to a request.
    private mutating func take(_ socket: FileDescriptor) throws(SystemError) -> Bool {
        let now = System.clock
        let (count, source): (Int, SocketAddress)
        do throws(SystemError) {
            (count, source) = try System.receive(socket, into: &buffer)
        } catch .interrupted {
            return false
        }
        guard count >= Self.headerCount else { return false }
        if buffer[0] == 0 { return takeReply(count, source, now) }
        takeError(count, source.address)
        return false
    }

    /// The request that a sequence number of 16 bits means: the last one that had it.
    private func request(_ at: Int) -> Int {
        let low = Int(buffer[at]) << 8 | Int(buffer[at + 1])
        return sent - (sent - low) & 0xffff
    }

    private mutating func takeReply(_ count: Int, _ source: SocketAddress, _ now: UInt64) -> Bool {
        let number = request(6)
        let index = (number % Self.remembered + Self.remembered) % Self.remembered
        let isKnown = number > 0 && requests[index].number == number
        let isDuplicate = isKnown && requests[index].isDone
        let sentAt = isKnown ? requests[index].sentAt : now
        var line: Text = "\(count) bytes from \(address: source.address): icmp_seq=\(number) ttl=\(source.port)"
        if isKnown { line = "\(line) time=\(milliseconds: now - sentAt) ms" }
        if isDuplicate {
            duplicates += 1
            line = "\(line) (DUP!)"
        } else if isKnown {
            requests[index].isDone = true
            times.add(now - sentAt)
        }
        if count < Self.headerCount + size { line = "\(line) (truncated)" }
        if let place = firstChange(count) {
            changed += 1
            line =
                "\(line)\nwrong data byte #\(place) should be 0x\(hex: UInt8(truncatingIfNeeded: place), digits: 2) but was 0x\(hex: buffer[Self.headerCount + place], digits: 2)"
        }
        if floods {
            if !isQuiet, !isDuplicate { standardOutput.write("\u{8} \u{8}") }
        } else if !isQuiet {
            say(line)
        }
        return isKnown && !isDuplicate
    }

    /// The first byte of the payload that is not as it was sent.
    private func firstChange(_ count: Int) -> Int? {
        for index in 0..<min(size, count - Self.headerCount)
        where buffer[Self.headerCount + index] != UInt8(truncatingIfNeeded: index) {
            return index
        }
        return nil
    }

    /// An error about one of our requests: the message quotes it behind the IPv4 header that it had.
    private mutating func takeError(_ count: Int, _ reporter: NetworkAddress) {
        let quoted = Self.headerCount + Int(buffer[Self.headerCount] & 15) * 4
        guard count >= quoted + Self.headerCount else { return }
        let number = request(quoted + 6)
        errors += 1
        if number > 0 { finish(number) }
        guard !isQuiet, !floods else { return }
        say("From \(address: reporter) icmp_seq=\(number) \(reason(buffer[0], buffer[1]))")
    }

    /// As ping of iputils names them.
    private func reason(_ type: UInt8, _ code: UInt8) -> Text {
        switch (type, code) {
        case (3, 0): "Destination Net Unreachable"
        case (3, 1): "Destination Host Unreachable"
        case (3, 2): "Destination Protocol Unreachable"
        case (3, 3): "Destination Port Unreachable"
        case (3, 4): "Frag needed and DF set"
        case (3, 5): "Source Route Failed"
        case (3, 6): "Destination Net Unknown"
        case (3, 7): "Destination Host Unknown"
        case (3, 9): "Destination Net Prohibited"
        case (3, 10): "Destination Host Prohibited"
        case (3, 11): "Destination Net Unreachable for Type of Service"
        case (3, 12): "Destination Host Unreachable for Type of Service"
        case (3, 13): "Packet filtered"
        case (3, 14): "Precedence Violation"
        case (3, 15): "Precedence Cutoff"
        case (3, _): "Dest Unreachable, Bad Code: \(code)"
        case (11, 0): "Time to live exceeded"
        case (11, 1): "Frag reassembly time exceeded"
        case (11, _): "Time exceeded, Bad Code: \(code)"
        case (12, _): "Parameter problem"
        default: "ICMP type \(type), code \(code)"
        }
    }

    private func say(_ line: Text) {
        print(line)
        standardOutput.flush()
    }

    // MARK: The end

    func summarise() {
        print("\n--- \(address: host) ping statistics ---")
        var line: Text = "\(sent) packets transmitted, \(times.count) received"
        if duplicates > 0 { line = "\(line), +\(duplicates) duplicates" }
        if changed > 0 { line = "\(line), +\(changed) corrupted" }
        if errors > 0 { line = "\(line), +\(errors) errors" }
        let lost = (sent - min(sent, times.count)) * 100 / max(sent, 1)
        print("\(line), \(lost)% packet loss, time \((System.clock - began) / 1_000_000)ms")
        guard times.count > 0 else { return }
        print(
            "rtt min/avg/max/mdev = \(milliseconds: times.least)/\(milliseconds: times.average)/\(milliseconds: times.greatest)/\(milliseconds: times.deviation) ms"
        )
    }
}
