// The receiving side: counts what comes from one client at a time, and reports to it at the end.

import SystemInterface
import UserLibrary

struct Server {
    private let settings: IPerf.Settings
    private var client: SocketAddress?
    private var report = Report()
    private var firstArrival: UInt64 = 0
    private var highest: Int64 = 0
    /// Microseconds between the clocks and on the way, of the last datagram.
    private var lastTransit: Int64 = 0
    /// The last client's last datagram and what was answered: it may be sent again.
    private var answered: SocketAddress?
    private var answer = [UInt8](repeating: 0, count: Datagram.reportCount)
    /// This is the client's end of a transfer both ways: what comes asks for nothing, and has to come.
    private let isReturn: Bool
    private var helpers = Helpers()
    /// A client that fell silent is given up after so many milliseconds.
    private static var silence: Int32 { 10_000 }
    /// Nanoseconds of what is sent back at most: ten minutes.
    private static var longestReturn: UInt64 { 600 * 1_000_000_000 }

    init(_ settings: IPerf.Settings, isReturn: Bool = false) {
        self.settings = settings
        self.isReturn = isReturn
    }

    /// The socket that `run` receives from.
    static func socket(at port: UInt16) throws(SystemError) -> FileDescriptor {
        let socket = try System.socket()
        try System.bind(socket, to: SocketAddress(.none, port: port))
        print("Server listening on UDP port \(port)")
        return socket
    }

    mutating func run(_ socket: FileDescriptor) throws(SystemError) -> Int32 {
        try System.set(.receiveTimeout, of: socket, to: Self.silence)
        var buffer = [UInt8](repeating: 0, count: 65536)
        var isFinishing = false
        while true {
            let received: (count: Int, source: SocketAddress)
            do throws(SystemError) {
                received = try System.receive(socket, into: &buffer)
            } catch .timedOut {
                if isFinishing {
                    helpers.reap(waits: true)
                    return 0
                }
                if isReturn {
                    complain("nothing came back")
                    return 1
                }
                finishSilent()
                continue
            } catch .connectionRefused {
                continue  // a client that has gone, told of late
            }
            let (count, source) = received
            guard count >= 16 else { continue }
            let isLast = Datagram.read(buffer, count: count).number < 0
            let previous = client
            take(buffer, count: count, from: source)
            if client != previous, !isReturn { answerRequest(buffer, count: count, of: source, atEnd: isLast, socket) }
            guard isLast, source == answered else { continue }
            send(socket, to: source)
            // For a while the report is sent again to a client that did not get it.
            if settings.onlyOne, !isFinishing {
                isFinishing = true
                try System.set(.receiveTimeout, of: socket, to: 600)
            }
        }
    }

    /// Sends back what a client has asked for that begins now, or has ended.
    private mutating func answerRequest(
        _ bytes: [UInt8], count: Int, of client: SocketAddress, atEnd: Bool, _ socket: FileDescriptor
    ) {
        guard let request = Request(bytes, at: Datagram.flags, count: count),
            request.direction == (atEnd ? .outThenBack : .both)
        else { return }
        var settings = request.settings(settings)
        // Where a datagram came from may be forged: what is sent there has an end.
        settings.time = min(settings.time, Self.longestReturn)
        helpers.start { () throws(SystemError) in
            try System.close(socket)
            return try Client(settings, to: client.address).run()
        }
    }

    /// One client that cannot be answered does not end the service for the others.
    private func send(_ socket: FileDescriptor, to client: SocketAddress) {
        do throws(SystemError) {
            try System.send(socket, answer.span, to: client)
        } catch .connectionRefused {
            // it has gone already
        } catch {
            complain("\(client): no report sent: \(error)")
        }
    }

    private mutating func take(_ bytes: [UInt8], count: Int, from source: SocketAddress) {
        let now = System.clock
        let (number, sent) = Datagram.read(bytes, count: count)
        if client == nil, number >= 0 { begin(source, at: now) }
        guard source == client else { return }
        if number < 0 { return finish(bytes, last: number, now: now) }
        report.bytes += UInt64(count)
        report.time = now - firstArrival
        let transit = Int64(now / 1000) - sent
        if highest > 0 {
            let difference = (transit - lastTransit).magnitude * 1000
            report.jitter = report.jitter - report.jitter / 16 + difference / 16
        }
        lastTransit = transit
        if number > highest {
            report.lost += UInt64(number - highest - 1)
            highest = number
        } else {
            report.outOfOrder += 1
            if report.lost > 0 { report.lost -= 1 }
        }
    }

    private mutating func begin(_ source: SocketAddress, at now: UInt64) {
        client = source
        report = Report()
        firstArrival = now
        highest = 0
        print("[  1] from \(source)")
        print(Report.headOfServer)
    }

    /// The last datagram's number, without its sign, is one more than those before it.
    private mutating func finish(_ bytes: [UInt8], last: Int64, now: UInt64) {
        let sent = last == .min ? highest : max(highest, -last - 1)
        report.lost += UInt64(sent - highest)
        report.datagrams = UInt64(sent)
        report.time = now - firstArrival
        for i in 0..<16 { answer[i] = bytes[i] }
        Datagram.write(report, to: &answer)
        answered = client
        client = nil
        report.show(asServer: true)
    }

    private mutating func finishSilent() {
        guard client != nil else { return }
        report.datagrams = UInt64(highest)
        report.show(asServer: true)
        print("[  1] the client fell silent")
        client = nil
    }
}
