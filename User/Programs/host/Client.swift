// Asking name servers directly (RFC 1035, 4): one question, and the whole answer.

import NetStack
import SystemInterface
import UserLibrary

/// What a server said.
struct Answer {
    var bytes: [UInt8] = []
    /// Where the records begin.
    var start = 0

    private func word(_ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }
    /// RCODE (RFC 1035, 4.1.1).
    var code: Int { word(2) & 15 }
    var isTruncated: Bool { bytes[2] & 2 != 0 }
    var recordCount: Int { word(6) }
    var hasRecords: Bool { code == 0 && (recordCount > 0 || isTruncated) }
}

struct Client {
    let servers: [NetworkAddress]
    /// Nanoseconds since boot.
    let deadline: UInt64
    /// For one try; each round of all servers doubles it.
    private static let patience: UInt64 = 1_000_000_000

    /// Asks and prints the answer; returns the exit status.
    func ask(_ name: Text, _ type: RecordType) throws(SystemError) -> Int32 {
        show(try answer(name, type), name, type)
    }

    func show(_ answer: Answer, _ name: Text, _ type: RecordType) -> Int32 {
        switch answer.code {
        case 0: break
        case 2: fail("\(name): the name server failed to answer; try again later")
        case 3: fail("\(name): no such name")
        case 5: fail("\(name): the name server refuses to answer")
        default: fail("\(name): the name server says error \(answer.code)")
        }
        // Bytes have no padding.
        guard unsafe showRecords(answer.bytes.span.bytes, from: answer.start, count: answer.recordCount) else {
            if answer.isTruncated { fail("\(name): the answer does not fit a datagram, and did not come over TCP") }
            fail("\(name): the name server's answer is malformed")
        }
        if answer.isTruncated {
            complain("\(name): there is more, which does not fit a datagram and did not come over TCP")
        }
        guard answer.recordCount > 0 else { fail("\(name): no \(type) record") }
        return 0
    }

    /// The first answer that a server gives.
    func answer(_ name: Text, _ type: RecordType) throws(SystemError) -> Answer {
        guard let question = try question(name, type) else { fail("\(name): not a domain name") }
        var wait = Self.patience
        var last: SystemError = .timedOut
        while true {
            for server in servers {
                let now = System.clock
                guard now < deadline else { throw last }
                do throws(SystemError) {
                    return try ask(server, question, wait: min(wait, deadline - now))
                } catch {
                    if error != .timedOut, error != .connectionRefused { throw error }
                    // With one server that refuses there is nothing to wait for.
                    if error == .connectionRefused, servers.count == 1 { throw error }
                    last = error
                }
            }
            wait = min(wait * 2, 8_000_000_000)
        }
    }

    private func question(_ name: Text, _ type: RecordType) throws(SystemError) -> [UInt8]? {
        var encoded = DNSName()
        // Bytes have no padding.
        let isName = unsafe !name.bytes.isEmpty && encoded.append(text: name.bytes.span.bytes)
        guard isName else { return nil }
        let identifier = try System.randomNumber()
        var bytes = [UInt8(identifier & 255), UInt8(identifier >> 8 & 255), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for index in 0..<encoded.count { bytes.append(encoded[index]) }
        return bytes + [UInt8(type.number >> 8), UInt8(type.number & 255), 0, 1]
    }

    private func ask(_ server: NetworkAddress, _ question: [UInt8], wait: UInt64) throws(SystemError) -> Answer {
        let socket = try System.socket()
        defer { do throws(SystemError) { try System.close(socket) } catch {} }
        try System.connect(socket, to: SocketAddress(server, port: DNSField.port))
        try System.send(socket, question.span)
        var buffer = [UInt8](repeating: 0, count: 4096)
        let end = System.clock + wait
        while true {
            let now = System.clock
            guard now < end else { throw .timedOut }
            try System.set(.receiveTimeout, of: socket, to: Int32(max(1, (end - now) / 1_000_000)))
            let count = try System.receive(socket, into: &buffer).count
            guard isAnswer(buffer, count, to: question) else { continue }
            let answer = Answer(bytes: Array(buffer[0..<count]), start: question.count)
            guard answer.isTruncated else { return answer }
            // What the datagram had is better than nothing.
            do throws(SystemError) {
                return try askByStream(server, question, until: end)
            } catch {
                return answer
            }
        }
    }

    /// Asks over TCP (RFC 7766, 8): each message has its length in front.
    private func askByStream(
        _ server: NetworkAddress, _ question: [UInt8], until end: UInt64
    ) throws(SystemError) -> Answer {
        let socket = try System.socket(.stream)
        defer { do throws(SystemError) { try System.close(socket) } catch {} }
        try System.set(.nonBlocking, of: socket, to: 1)
        do throws(SystemError) {
            try System.connect(socket, to: SocketAddress(server, port: DNSField.port))
        } catch .inProgress {}
        try wait(for: PollEntry.writable, of: socket, until: end)
        if let error = try System.takeStreamError(socket) { throw error }
        let length = [UInt8(question.count >> 8), UInt8(question.count & 255)]
        _ = try System.sendStream(socket, (length + question).span)
        var bytes: [UInt8] = [], buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 2 || bytes.count < 2 + (Int(bytes[0]) << 8 | Int(bytes[1])) {
            try wait(for: PollEntry.readable, of: socket, until: end)
            let count = try System.receiveStream(socket, into: &buffer)
            guard count > 0 else { throw .connectionReset }
            bytes.append(contentsOf: buffer[0..<count])
        }
        let answer = Array(bytes[2..<2 + (Int(bytes[0]) << 8 | Int(bytes[1]))])
        guard isAnswer(answer, answer.count, to: question) else { throw .connectionReset }
        return Answer(bytes: answer, start: question.count)
    }

    private func wait(for events: Int16, of socket: FileDescriptor, until end: UInt64) throws(SystemError) {
        var entries = [PollEntry(descriptor: socket.rawValue, events: events)]
        let now = System.clock
        guard now < end, try System.poll(&entries, milliseconds: Int32((end - now) / 1_000_000 + 1)) > 0 else {
            throw .timedOut
        }
    }

    /// Whether a message has the question as it was asked; letters may have changed their case.
    private func isAnswer(_ bytes: [UInt8], _ count: Int, to question: [UInt8]) -> Bool {
        count >= question.count && bytes[0] == question[0] && bytes[1] == question[1] && bytes[2] & 0x80 != 0
            && bytes[5] == 1 && (12..<question.count).allSatisfy { lower(bytes[$0]) == lower(question[$0]) }
    }

    private func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }
}
