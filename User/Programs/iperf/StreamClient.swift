// The sending side over TCP: as many connections as were asked for, each given what it takes.

import SystemInterface
import UserLibrary

struct StreamClient {
    private let settings: IPerf.Settings
    private let server: SocketAddress
    private var sockets: [FileDescriptor] = []
    private var sent: [UInt64] = []
    private var shown: [UInt64] = []
    private var start: UInt64 = 0

    init(_ settings: IPerf.Settings, to server: NetworkAddress) {
        self.settings = settings
        self.server = SocketAddress(server, port: settings.port)
    }

    mutating func run() throws(SystemError) -> Int32 {
        for _ in 0..<settings.parallel {
            let socket = try System.socket(.stream)
            if settings.window > 0 {
                try System.set(.sendBuffer, of: socket, to: Int32(clamping: settings.window))
                try System.set(.receiveBuffer, of: socket, to: Int32(clamping: settings.window))
            }
            try System.connect(socket, to: server)
            sockets.append(socket)
        }
        sent = [UInt64](repeating: 0, count: sockets.count)
        shown = sent
        print("Client connecting to \(address: server.address), TCP port \(settings.port)")
        print(Report.head)
        start = System.clock
        try send()
        let time = try finish()
        for index in 0..<sockets.count { show(index, from: 0, to: time, sent[index]) }
        if sockets.count > 1 {
            var all: UInt64 = 0
            for count in sent { all += count }
            print(Report.line("SUM", from: 0, to: time, bytes: all))
        }
        return 0
    }

    private mutating func send() throws(SystemError) {
        // The first bytes would say what a server is to do beside receiving: zeros ask for nothing.
        let payload = [UInt8](repeating: 0, count: settings.streamLength)
        var entries = sockets.map { PollEntry(descriptor: $0.rawValue, events: PollEntry.writable) }
        var nextShown = settings.interval > 0 ? settings.interval : .max
        while true {
            let elapsed = System.clock - start
            if elapsed >= nextShown {
                showInterval(to: elapsed)
                nextShown += settings.interval
            }
            guard elapsed < settings.time else { return }
            let left = min(settings.time, nextShown) - min(elapsed, nextShown)
            _ = try System.poll(&entries, milliseconds: Int32(clamping: left / 1_000_000 + 1))
            for index in 0..<entries.count where entries[index].returned != 0 {
                do throws(SystemError) {
                    sent[index] += UInt64(try System.sendStream(sockets[index], payload.span, flags: .dontWait))
                } catch .tryAgain {
                } catch .noBufferSpace {}
            }
        }
    }

    /// Waits until the server has taken all and ends its half too. Returns how long everything took.
    private func finish() throws(SystemError) -> UInt64 {
        var buffer = [UInt8](repeating: 0, count: 1024)
        for socket in sockets { try System.shutdown(socket, .sending) }
        for socket in sockets {
            try System.set(.receiveTimeout, of: socket, to: 10_000)
            do throws(SystemError) {
                while try System.receiveStream(socket, into: &buffer) > 0 {}
            } catch {
                complain("the server did not say that it has all: \(error)")
            }
        }
        return System.clock - start
    }

    private mutating func showInterval(to now: UInt64) {
        for index in 0..<sockets.count {
            show(index, from: now - min(now, settings.interval), to: now, sent[index] - shown[index])
            shown[index] = sent[index]
        }
    }

    private func show(_ index: Int, from start: UInt64, to end: UInt64, _ bytes: UInt64) {
        print(Report.line("\(index + 1, width: 3)", from: start, to: end, bytes: bytes))
    }
}
