// The sending side over TCP: as many connections as were asked for, each given what it takes.

import SystemInterface
import UserLibrary

struct StreamClient {
    private let settings: IPerf.Settings
    private let server: SocketAddress
    private var sockets: [FileDescriptor] = []
    /// Bytes sent, or received, by connection.
    private var counts: [UInt64] = []
    /// What the last lines of an interval were about: bytes by connection, and nanoseconds from the start to its end.
    private var shown: [UInt64] = []
    private var shownTime: UInt64 = 0
    private var start: UInt64 = 0
    /// A server that sends nothing for so many milliseconds is given up.
    private static var silence: UInt64 { 10_000 }
    /// Nanoseconds after which a client that wanted something back, and does not listen for it, is given up.
    private static var patience: UInt64 { 5_000_000_000 }

    init(_ settings: IPerf.Settings, to server: NetworkAddress) {
        self.settings = settings
        self.server = SocketAddress(server, port: settings.port)
    }

    /// Sends over a connection that is there already: a client has asked for that.
    init(_ settings: IPerf.Settings, over socket: FileDescriptor, to peer: SocketAddress) {
        self.settings = settings
        server = peer
        sockets = [socket]
    }

    mutating func run() throws(SystemError) -> Int32 {
        if sockets.isEmpty {
            try connect()
            print("Client connecting to \(address: server.address), TCP port \(settings.port)")
        } else {
            print("Sending to \(server)")
        }
        counts = [UInt64](repeating: 0, count: sockets.count)
        shown = counts
        print(Report.head)
        standardOutput.flush()
        start = System.clock
        let time: UInt64
        if settings.direction == .back {
            guard try receive() else { return 1 }
            time = System.clock - start
        } else {
            try send()
            time = try finish()
        }
        for index in 0..<sockets.count { show(index, from: 0, to: time, counts[index]) }
        if sockets.count > 1 {
            var all: UInt64 = 0
            for count in counts { all += count }
            print(Report.line("SUM", from: 0, to: time, bytes: all))
        }
        return 0
    }

    private mutating func connect() throws(SystemError) {
        let end = System.clock + (settings.isReturn ? Self.patience : 0)
        while sockets.count < settings.parallel {
            let socket = try System.socket(.stream)
            if settings.window > 0 {
                try System.set(.sendBuffer, of: socket, to: Int32(clamping: settings.window))
                try System.set(.receiveBuffer, of: socket, to: Int32(clamping: settings.window))
            }
            do throws(SystemError) {
                try System.connect(socket, to: server)
                sockets.append(socket)
            } catch .connectionRefused where System.clock < end {
                try System.close(socket)
                try System.sleep(nanoseconds: 50_000_000)
            }
        }
    }

    private mutating func send() throws(SystemError) {
        // The first bytes say what a server is to do beside receiving: zeros ask for nothing.
        let payload = [UInt8](repeating: 0, count: settings.streamLength)
        if settings.direction != .out { try sendRequests() }
        var entries = sockets.map { PollEntry(descriptor: $0.rawValue, events: PollEntry.writable) }
        var nextShown = settings.interval > 0 ? settings.interval : .max
        while true {
            let elapsed = System.clock - start
            if elapsed >= nextShown {
                showInterval(to: elapsed)
                nextShown = (elapsed / settings.interval + 1) * settings.interval
            }
            guard elapsed < settings.time else { return }
            var isAllSent = settings.amount < .max
            for count in counts where count < settings.amount { isAllSent = false }
            if isAllSent { return }
            let left = min(settings.time, nextShown) - min(elapsed, nextShown)
            _ = try System.poll(&entries, milliseconds: Int32(clamping: left / 1_000_000 + 1))
            for index in 0..<entries.count where entries[index].returned != 0 && counts[index] < settings.amount {
                let count = Int(min(UInt64(payload.count), settings.amount - counts[index]))
                do throws(SystemError) {
                    counts[index] += UInt64(
                        try System.sendStream(sockets[index], payload.span.extracting(0..<count), flags: .dontWait))
                } catch .tryAgain {
                } catch .noBufferSpace {}
            }
        }
    }

    private mutating func sendRequests() throws(SystemError) {
        var bytes = [UInt8](repeating: 0, count: Request.greatestCount)
        Request(settings, isDatagram: false).write(to: &bytes, at: 0)
        for index in 0..<sockets.count { counts[index] += UInt64(try System.sendStream(sockets[index], bytes.span)) }
    }

    /// Asks the server to send, and counts what comes until it ends. False when it sends nothing more before.
    private mutating func receive() throws(SystemError) -> Bool {
        try sendRequests()
        counts = [UInt64](repeating: 0, count: sockets.count)
        var buffer = [UInt8](repeating: 0, count: settings.streamLength)
        var entries = sockets.map { PollEntry(descriptor: $0.rawValue) }
        var open = entries.count
        var nextShown = settings.interval > 0 ? settings.interval : .max
        while open > 0 {
            let elapsed = System.clock - start
            if elapsed >= nextShown {
                showInterval(to: elapsed)
                nextShown = (elapsed / settings.interval + 1) * settings.interval
            }
            let wait = Int32(clamping: min(Self.silence, (nextShown - min(elapsed, nextShown)) / 1_000_000 + 1))
            if try System.poll(&entries, milliseconds: wait) == 0, UInt64(wait) == Self.silence {
                complain("the server sends nothing: iperf 2 knows -R from version 2.1 on")
                return false
            }
            for index in 0..<entries.count where entries[index].returned != 0 {
                let count = try System.receiveStream(sockets[index], into: &buffer)
                counts[index] += UInt64(count)
                if count == 0 {
                    entries[index].descriptor = -1
                    open -= 1
                }
            }
        }
        return true
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
            show(index, from: shownTime, to: now, counts[index] - shown[index])
            shown[index] = counts[index]
        }
        shownTime = now
    }

    private func show(_ index: Int, from start: UInt64, to end: UInt64, _ bytes: UInt64) {
        print(Report.line("\(index + 1, width: 3)", from: start, to: end, bytes: bytes))
    }
}
