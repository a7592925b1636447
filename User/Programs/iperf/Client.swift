// The sending side: a datagram whenever its time has come, then the last one until the server reports.

import SystemInterface
import UserLibrary

struct Client {
    private let settings: IPerf.Settings
    private let server: NetworkAddress
    /// Nanoseconds from the clock to the time of day, which datagrams carry; 0 on a machine that does not know it.
    private let timeOfDay: UInt64
    /// How often the last datagram is sent, and how long each waits for the report.
    private static var lastTries: Int { 10 }
    private static var lastWait: Int32 { 250 }

    init(_ settings: IPerf.Settings, to server: NetworkAddress) {
        self.settings = settings
        self.server = server
        let now: UInt64
        do throws(SystemError) { now = try System.wallClock() } catch { now = 0 }
        timeOfDay = now - min(now, System.clock)
    }

    func run() throws(SystemError) -> Int32 {
        let socket = try System.socket()
        try System.connect(socket, to: SocketAddress(server, port: settings.port))
        print("Client connecting to \(address: server), UDP port \(settings.port)")
        print("Sending \(settings.length) byte datagrams, \(decimal(settings.rate / 10_000, of: 100)) Mbits/sec wanted")
        print(Report.head)
        var payload = [UInt8](repeating: 0x36, count: settings.length)
        Request(settings, isDatagram: true).write(to: &payload, at: Datagram.flags, flags: Datagram.longNumbers)
        let sent = try send(&payload, socket)
        sent.show(asServer: false)
        print("[  1] Sent \(sent.datagrams) datagrams")
        guard let report = try end(&payload, socket, number: -Int64(sent.datagrams + 1)) else {
            complain("the server did not report")
            return 1
        }
        print("[  1] Server Report:")
        report.show(asServer: true)
        return 0
    }

    private func send(_ payload: inout [UInt8], _ socket: FileDescriptor) throws(SystemError) -> Report {
        let start = System.clock
        // Nanoseconds between datagrams, times 1024: the rounding does not add up.
        let pause =
            UInt64(settings.length) * 8 * 1_000_000_000 / settings.rate * 1024
            + (UInt64(settings.length) * 8 * 1_000_000_000 % settings.rate) * 1024 / settings.rate
        var report = Report()
        while true {
            let now = System.clock
            guard now - start < settings.time, report.bytes < settings.amount else { break }
            let due = start + (report.datagrams * pause) >> 10
            if now < due {
                try System.sleep(nanoseconds: min(due, start + settings.time) - now)
                continue
            }
            report.datagrams += 1
            Datagram.stamp(&payload, number: Int64(report.datagrams), time: now + timeOfDay)
            do throws(SystemError) {
                try System.send(socket, payload.span)
                report.bytes += UInt64(payload.count)
            } catch .noBufferSpace {  // lost before it left; the server counts it
            } catch .connectionRefused where settings.isReturn {}
        }
        report.time = System.clock - start
        return report
    }

    /// Sends the last datagram until the report comes; nil when none does.
    private func end(_ payload: inout [UInt8], _ socket: FileDescriptor, number: Int64) throws(SystemError) -> Report? {
        try System.set(.receiveTimeout, of: socket, to: Self.lastWait)
        var answer = [UInt8](repeating: 0, count: 2048)
        for _ in 0..<Self.lastTries {
            Datagram.stamp(&payload, number: number, time: System.clock + timeOfDay)
            var count = 0
            do throws(SystemError) {
                try System.send(socket, payload.span)
                count = try System.receive(socket, into: &answer).count
            } catch .connectionRefused {
                guard settings.isReturn else { throw .connectionRefused }
                try System.sleep(nanoseconds: UInt64(Self.lastWait) * 1_000_000)
            } catch {}
            if let report = Datagram.readReport(answer, count: count) { return report }
        }
        return nil
    }
}
