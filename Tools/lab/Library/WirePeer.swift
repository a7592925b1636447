// The other end of a guest's wire (NET=stream): a station at 10.9.0.1 that answers ARP and pings, and can ping the guest.
// It shares no line with the stack that is graded.

import Foundation
import HostGuest

final class WirePeer: @unchecked Sendable {
    static let address: [UInt8] = [10, 9, 0, 1], guest: [UInt8] = [10, 9, 0, 2]
    private static let hardware: [UInt8] = [2, 0, 0, 0, 0, 1]

    let path = FileManager.default.temporaryDirectory.appendingPathComponent("lab-wire-\(UUID().uuidString.prefix(8))")
        .path
    private let listener: Int32
    private let condition = NSCondition()
    private var wire: Int32 = -1
    private var guestHardware: [UInt8]?
    /// Payloads of datagrams that came and were no echo requests.
    private var replies: [(protocolNumber: UInt8, payload: [UInt8])] = []

    init() throws {
        listener = try UnixSocket.listen(path)
        Thread.detachNewThread { self.serve() }
    }

    /// Gives the wire up; a guest on it has ended.
    func close() {
        _ = shutdown(listener, Int32(SHUT_RDWR))
        condition.withLock { if wire >= 0 { _ = shutdown(wire, Int32(SHUT_RDWR)) } }
        try? FileManager.default.removeItem(atPath: path)
    }

    private func serve() {
        while true {
            let next = accept(listener, nil, nil)  // the peer's address is not asked for
            guard next >= 0 else { break }
            condition.withLock { wire = next }
            FrameStream.receive(from: next, take)
            condition.withLock { wire = -1 }
            _ = Foundation.close(next)
        }
        _ = Foundation.close(listener)
    }

    private func take(_ frame: [UInt8]) {
        if frame.count >= 42, frame[12..<14] == [8, 6], frame[28..<32] == ArraySlice(Self.guest) {
            condition.withLock {
                guestHardware = Array(frame[22..<28])
                condition.broadcast()
            }
            if frame[21] == 1, frame[38..<42] == ArraySlice(Self.address) { send(arp(2, to: Array(frame[22..<28]))) }
        }
        guard frame.count >= 42, frame[12..<14] == [8, 0], frame[14] == 0x45,
            frame[30..<34] == ArraySlice(Self.address)
        else { return }
        let end = 14 + Int(frame[16]) << 8 + Int(frame[17])
        guard end >= 42, end <= frame.count else { return }
        var message = Array(frame[34..<end])
        guard frame[23] == 1, message[0] == 8 else {
            condition.withLock {
                replies.append((frame[23], message))
                condition.broadcast()
            }
            return
        }
        message[0] = 0
        send(packet(icmp: message, to: Array(frame[6..<12])))
    }

    /// Sends an echo request with so many bytes, and waits for its reply.
    /// - Returns: what is wrong; nil when the reply is right.
    func ping(byteCount: Int, seconds: Double) -> String? {
        let request = [8, 0, 0, 0, 0x4c, 0x41, 0, 1] + (0..<byteCount).map { UInt8(truncatingIfNeeded: $0) }
        let (reply, problem) = exchange(1, { self.packet(icmp: request, to: $0) }, seconds: seconds)
        guard let reply else { return problem ?? "no reply to an echo request of \(byteCount) bytes" }
        if reply[0] != 0 { return "an ICMP message of type \(reply[0]) came for an echo request" }
        if Array(reply[4...]) != Array(request[4...]) {
            return "the echo reply does not carry what the request carried:\n\(Self.hex(reply))"
        }
        return Self.sum(reply) == 0 ? nil : "the echo reply's checksum is wrong:\n\(Self.hex(reply))"
    }

    /// Sends a datagram, and waits for what answers it.
    /// - Returns: what is wrong; nil when that is as the lab has it.
    func ask(_ datagram: Lab.Datagram, seconds: Double) -> String? {
        let bytes = Self.bytes(ofHex: datagram.payload)
        let number = datagram.protocolNumber
        let silent = datagram.answer == nil
        let (reply, problem) = exchange(
            number,
            { number == 1 ? self.packet(icmp: bytes, to: $0) : self.packet(bytes, protocolNumber: number, to: $0) },
            seconds: silent ? 2 : seconds)
        guard let answer = datagram.answer else {
            return reply.map { "\(datagram.payload) was not to be answered; the answer:\n\(Self.hex($0))" } ?? problem
        }
        guard let reply else { return problem ?? "no answer to \(datagram.payload) of protocol \(number)" }
        guard Self.hex(reply).replacing(" ", with: "").range(of: answer, options: .regularExpression) == nil else {
            return number == 1 && Self.sum(reply) != 0 ? "the ICMP checksum is wrong:\n\(Self.hex(reply))" : nil
        }
        return
            "\(datagram.payload) of protocol \(number)\nwas to be answered by what matches \(answer); this came:\n\(Self.hex(reply))"
    }

    /// Sends a frame to the guest, again every two seconds, until a datagram of the protocol comes.
    /// - Returns: its payload; else what is wrong before that.
    private func exchange(
        _ protocolNumber: UInt8, _ frame: ([UInt8]) -> [UInt8], seconds: Double
    ) -> (payload: [UInt8]?, problem: String?) {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            guard let hardware = condition.withLock({ guestHardware }) else {
                send(arp(1, to: [UInt8](repeating: 255, count: 6)))
                _ = waitForFrame(until: min(deadline, Date(timeIntervalSinceNow: 1)))
                continue
            }
            condition.withLock { replies = [] }
            send(frame(hardware))
            let next = min(deadline, Date(timeIntervalSinceNow: 2))
            while waitForFrame(until: next) {
                guard let reply = condition.withLock({ replies.popLast() }) else { continue }
                if reply.protocolNumber == protocolNumber { return (reply.payload, nil) }
            }
        }
        let isKnown = condition.withLock { guestHardware } != nil
        return (nil, isKnown ? nil : "the guest did not answer ARP's question for 10.9.0.2")
    }

    private func waitForFrame(until deadline: Date) -> Bool {
        condition.lock()
        defer { condition.unlock() }
        return !replies.isEmpty || condition.wait(until: deadline)
    }

    private func send(_ frame: [UInt8]) {
        let padded = frame + [UInt8](repeating: 0, count: max(0, 60 - frame.count))
        condition.withLock { _ = FrameStream.send(padded, to: wire) }
    }

    private func arp(_ operation: UInt8, to hardware: [UInt8]) -> [UInt8] {
        hardware + Self.hardware + [8, 6, 0, 1, 8, 0, 6, 4, 0, operation] + Self.hardware + Self.address
            + (operation == 1 ? [UInt8](repeating: 0, count: 6) : hardware) + Self.guest
    }

    private func packet(icmp message: [UInt8], to hardware: [UInt8]) -> [UInt8] {
        var message = message
        message.replaceSubrange(2..<4, with: [0, 0])
        let check = Self.sum(message)
        message.replaceSubrange(2..<4, with: [UInt8(check >> 8), UInt8(check & 255)])
        return packet(message, protocolNumber: 1, to: hardware)
    }

    private func packet(_ message: [UInt8], protocolNumber: UInt8, to hardware: [UInt8]) -> [UInt8] {
        let length = 20 + message.count
        var header =
            [0x45, 0, UInt8(length >> 8), UInt8(length & 255), 0, 1, 0, 0, 64, protocolNumber, 0, 0] + Self.address
            + Self.guest
        let headerCheck = Self.sum(header)
        header.replaceSubrange(10..<12, with: [UInt8(headerCheck >> 8), UInt8(headerCheck & 255)])
        return hardware + Self.hardware + [8, 0] + header + message
    }

    /// RFC 1071, over whole messages.
    private static func sum(_ bytes: [UInt8]) -> Int {
        var sum = 0
        for (i, byte) in bytes.enumerated() { sum += Int(byte) << (i % 2 == 0 ? 8 : 0) }
        while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
        return ~sum & 0xffff
    }

    private static func bytes(ofHex text: String) -> [UInt8] {
        let digits = text.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
}
