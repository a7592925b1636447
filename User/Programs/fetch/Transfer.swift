// One request and its response.

import HTTP
import SystemInterface
import UserLibrary

struct Transfer {
    enum Outcome {
        case done
        case moved([UInt8])
        case failed(Text)
    }

    private let address: WebAddress
    /// Empty: standard output.
    private let name: [UInt8]
    private let resumes: Bool
    private var progress: Progress
    private var start = 0

    init(_ address: WebAddress, _ name: [UInt8], resumes: Bool, isQuiet: Bool) {
        self.address = address
        self.name = name
        self.resumes = resumes && !name.isEmpty
        progress = Progress(isQuiet: isQuiet)
    }

    mutating func run() throws(SystemError) -> Outcome {
        if resumes, let file = try? System.open(Path(name)) {
            start = Int(clamping: try System.status(file).size)
            try System.close(file)
        }
        let peer = SocketAddress(addressOrEnd(address.host), port: address.port)
        let socket = try System.connected(to: peer)
        var request: Text = "GET "
        request.bytes += address.path
        request =
            "\(request) HTTP/1.1\r\nHost: \(address.authority)\r\nUser-Agent: Swiftlet-fetch\r\nConnection: close\r\n"
        if start > 0 { request = "\(request)Range: bytes=\(start)-\r\n" }
        request = "\(request)\r\n"
        _ = try System.sendStream(socket, request.bytes.span)
        return try receive(socket)
    }

    private mutating func receive(_ socket: FileDescriptor) throws(SystemError) -> Outcome {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = try System.receiveStream(socket, into: &buffer)
            guard count > 0 else { return .failed("the server ended the connection before it answered") }
            bytes.append(contentsOf: buffer[0..<count])
            let response: HTTPResponse?
            do throws(MalformedHTTP) { response = try Self.takeHead(&bytes) } catch {
                return .failed("what came is not HTTP")
            }
            if let response { return try take(response, bytes, socket) }
        }
    }

    /// Takes the head of the final response off the bytes, and interim ones (RFC 9110, 15.2) before it; nil while it is
    /// not complete.
    private static func takeHead(_ bytes: inout [UInt8]) throws(MalformedHTTP) -> HTTPResponse? {
        while let (response, count) = try HTTPResponse.read(bytes) {
            bytes.removeFirst(count)
            if response.status >= 200 { return response }
        }
        return nil
    }

    private mutating func take(
        _ response: HTTPResponse, _ first: [UInt8], _ socket: FileDescriptor
    ) throws(SystemError) -> Outcome {
        switch response.status {
        case 200: start = 0
        case 206:
            guard response.rangeStart == start else {
                return .failed("the server sent another part than was asked for")
            }
        case 416 where start > 0: return .done  // it was whole already
        case 301, 302, 303, 307, 308:
            guard let place = response.location else { return .failed("moved, and it is not said where") }
            return .moved(place)
        default: return .failed("the server answers \(response.status)")
        }
        let file = try open()
        progress.begin(at: start, of: response.length.map { $0 + start })
        var chunks = ChunkReader()
        var data = first
        var count = 0
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            var output: [UInt8] = []
            if response.isChunked {
                do throws(MalformedHTTP) { try chunks.read(data, into: &output) } catch {
                    return .failed("a chunk that is malformed")
                }
            } else {
                output = data
                if let length = response.length, count + output.count > length {
                    output.removeLast(count + output.count - length)
                }
            }
            do throws(SystemError) {
                try writePiece(file, output, count: output.count)
            } catch {
                return .failed("write error on \(name.isEmpty ? "standard output" : Path(name)): \(error)")
            }
            count += output.count
            progress.show(start + count)
            if response.isChunked ? chunks.isDone : count == response.length { break }
            let taken = try System.receiveStream(socket, into: &buffer)
            if taken == 0 {
                if response.isChunked || response.length != nil {
                    let advice: StaticString = name.isEmpty ? "" : " (fetch -c goes on from there)"
                    return .failed("the connection ended after \(count) bytes\(advice)")
                }
                break
            }
            data = [UInt8](buffer[0..<taken])
        }
        progress.end()
        return .done
    }

    private func open() throws(SystemError) -> FileDescriptor {
        if name.isEmpty { return .standardOutput }
        return try System.open(
            Path(name), start > 0 ? [.writeOnly, .create, .append] : [.writeOnly, .create, .truncate])
    }
}

/// The line that says how far a transfer is.
struct Progress {
    private let isQuiet: Bool
    private var whole: Int?
    private var first = 0
    private var began: UInt64 = 0
    private var shown: UInt64 = 0
    private var last = 0

    init(isQuiet: Bool) { self.isQuiet = isQuiet || !isConsole(.standardError) }

    mutating func begin(at start: Int, of whole: Int?) {
        first = start
        self.whole = whole
        began = System.clock
    }

    mutating func show(_ count: Int) {
        last = count
        guard !isQuiet, System.clock - shown > 200_000_000 else { return }
        shown = System.clock
        line("")
    }

    mutating func end() { if !isQuiet { line("\n") } }

    private func line(_ ending: Text) {
        let milliseconds = max(1, Int((System.clock - began) / 1_000_000))
        var bar = Text()
        if let whole, whole > 0 {
            for step in 0..<30 { bar.append(last * 30 / whole > step ? "#" : ".") }
            bar = "[\(bar)] \(last * 100 / whole, width: 3) %  "
        }
        writeError("\r\(bar)\(last) bytes  \((last - first) / milliseconds) kB/s  \(ending)")
    }
}
