// One connection: requests in, responses out, none of it waiting.

import HTTP
import SystemInterface
import UserLibrary

struct Connection {
    let socket: FileDescriptor
    private(set) var lastActive: UInt64
    private(set) var isOver = false
    private var input: [UInt8] = []
    /// What goes out next, and from where on.
    private var output: [UInt8] = []
    private var sent = 0
    /// The file behind it, and how many bytes of it are left.
    private var file: FileDescriptor?
    private var fileLeft = 0
    private var keepsAlive = true

    init(_ socket: FileDescriptor, now: UInt64) {
        self.socket = socket
        lastActive = now
    }

    var isSending: Bool { sent < output.count || file != nil }

    /// Does what can be done without waiting.
    mutating func proceed(now: UInt64) {
        lastActive = now
        do throws(SystemError) {
            if isSending { try send() }
            if !isSending, !isOver { try receive() }
        } catch .tryAgain {
        } catch {
            isOver = true
        }
    }

    mutating func end() {
        if let file = file.take() { try? System.close(file) }
        try? System.close(socket)
    }

    private mutating func receive() throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try System.receiveStream(socket, into: &buffer, flags: .dontWait)
        guard count > 0 else {
            isOver = true
            return
        }
        input.append(contentsOf: buffer[0..<count])
        try answerNext()
    }

    /// Answers the request at the start of the input, if it is whole.
    private mutating func answerNext() throws(SystemError) {
        switch HTTPRequest.read(input, now: Response.now) {
        case .incomplete: return
        case .refused(let status):
            keepsAlive = false
            answer(Response.error(status), isHead: false)
        case .request(let request, let count):
            input.removeFirst(count)
            keepsAlive = request.keepsAlive
            answer(Response.to(request), isHead: request.method == .head)
        }
        try send()
    }

    private mutating func answer(_ response: Response, isHead: Bool) {
        output = response.head(keepsAlive: keepsAlive).bytes
        sent = 0
        if isHead {
            if let file = response.file { try? System.close(file) }
            return
        }
        output.append(contentsOf: response.body)
        file = response.file
        fileLeft = response.fileCount
    }

    private mutating func send() throws(SystemError) {
        while isSending {
            if sent == output.count { try fill() }
            guard sent < output.count else { continue }
            sent += try System.sendStream(socket, output.span.extracting(sent..<output.count), flags: .dontWait)
        }
        output.removeAll(keepingCapacity: true)
        sent = 0
        if !keepsAlive {
            try System.shutdown(socket, .sending)
            isOver = true
        } else if !input.isEmpty {
            try answerNext()
        }
    }

    /// Takes the next piece of the file.
    private mutating func fill() throws(SystemError) {
        guard let file else { return }
        output = [UInt8](repeating: 0, count: min(fileLeft, 16384))
        sent = 0
        let count = fileLeft > 0 ? try readPiece(file, into: &output) : 0
        output.removeLast(output.count - count)
        fileLeft -= count
        guard fileLeft == 0 || count == 0 else { return }
        // A file that became shorter meanwhile: the length was promised, so the connection ends.
        if fileLeft > 0 { isOver = true }
        self.file = nil
        try System.close(file)
    }
}
