// The station at the other end of the guest's wire: 10.0.7.1, on a QEMU stream back end. It answers ARP, swallows
// datagrams, and takes two commands at UDP port 7070, which User/Programs/bench/NetworkMeasures.swift describes.

import Foundation
import HostGuest

final class FramePeer: @unchecked Sendable {
    static let guest = "10.0.7.2/24"
    /// Microseconds between the answer to an echo request and the next request.
    private static let pause: UInt32 = 500

    let path: String
    /// All pauses are so many times longer: for a machine that logs what it does.
    private let slowness: UInt32
    private let listener: Int32
    private var wire: Int32 = -1
    private var received = FrameStream()

    /// Echo requests under way: what is left, the request as it goes out, and the station that gets the report.
    private var echoesLeft = 0
    private var echo: [UInt8] = []
    private var report: [UInt8] = []
    /// What the guest waits for, if it waits.
    private var repeated: [UInt8]?

    /// Listens at `path`, and serves the machine that connects, from a thread of its own, until that closes.
    init(path: String, slowness: UInt32 = 1) throws {
        self.path = path
        self.slowness = slowness
        _ = unsafe unlink(path)  // the string's own bytes
        listener = try UnixSocket.listen(path)
        Thread.detachNewThread { self.serve() }
    }

    private func serve() {
        wire = accept(listener, nil, nil)
        close(listener)
        _ = unsafe unlink(path)  // the string's own bytes
        guard wire >= 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            waitOrRepeat()
            let count = unsafe read(wire, &buffer, buffer.count)  // no more than the buffer holds
            guard count > 0 else { break }
            for frame in received.frames(from: buffer[0..<count]) { take(frame) }
        }
        close(wire)
    }

    /// A guest that sends nothing for two seconds waits for a packet that was lost (a ring or a queue overflowed while
    /// the host was busy elsewhere): it gets another one. Its waiting is idle time, so the measure stays right; a
    /// message says that it happened.
    private func waitOrRepeat() {
        var entry = pollfd(fd: wire, events: Int16(POLLIN), revents: 0)
        var isFirst = true
        while unsafe poll(&entry, 1, (isFirst ? 2000 : 20) * Int32(slowness)) == 0, let repeated {  // one entry
            if isFirst {
                FileHandle.standardError.write(
                    Data("bench: the guest waits for packets that were lost: it gets others\n".utf8))
            }
            isFirst = false
            put(repeated)
        }
    }

    private func put(_ frame: [UInt8]) { FrameStream.send(frame, to: wire) }

    private func take(_ frame: [UInt8]) {
        switch Frame.kind(frame) {
        case .arpRequest: put(Frame.arpReply(to: frame))
        case .echoReply where echoesLeft > 0:
            echoesLeft -= 1
            // until the guest sleeps again: how far it had come when the next one arrives is the host's chance
            usleep(Self.pause * slowness)
            if echoesLeft == 0 { repeated = nil }
            put(echoesLeft > 0 ? echo : report)
        case .datagram(let port, let payload) where port == 7070:
            obey(String(decoding: payload, as: UTF8.self).split(separator: " "), from: frame)
        default: break
        }
    }

    private func obey(_ words: [Substring], from frame: [UInt8]) {
        let numbers = words.dropFirst().compactMap { Int($0) }
        switch (words.first, numbers.count) {
        case ("echo", 2):
            echo = Frame.echoRequest(answering: frame, payload: numbers[0])
            report = Frame.datagram(answering: frame, payload: Array("done".utf8))
            echoesLeft = numbers[1]
            repeated = echo
            put(echo)
        case ("send", 3):
            let datagram = Frame.datagram(answering: frame, payload: [UInt8](repeating: 7, count: numbers[0]))
            repeated = numbers[2] > 0 ? datagram : nil
            for _ in 0..<numbers[1] {
                put(datagram)
                if numbers[2] > 0 { usleep(UInt32(numbers[2]) * slowness) }
            }
        default: break
        }
    }
}
