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
        // One thread, as `piece` says.
        let count = try unsafe System.receiveStream(socket, into: &Self.piece, flags: .dontWait)
        guard count > 0 else {
            isOver = true
            return
        }
        unsafe input.append(contentsOf: Self.piece[0..<count])  // one thread
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
            // The first piece of a file goes out with the head.
            if file != nil, sent == output.count || (sent == 0 && output.count < Self.pieceSize) { try fill() }
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

    /// Bytes of a file that are taken at a time, and of a request.
    private static let pieceSize = 16 * 1024
    /// What is read lands here first: nothing is cleared for a request of a hundred bytes.
    nonisolated(unsafe) private static var piece = [UInt8](repeating: 0, count: pieceSize)  // a program has one thread

    /// Takes the next piece of the file.
    private mutating func fill() throws(SystemError) {
        guard let file else { return }
        if sent == output.count {
            output.removeAll(keepingCapacity: true)
            sent = 0
        }
        let count = min(fileLeft, try unsafe readPiece(file, into: &Self.piece))  // one thread, as above
        unsafe output.append(contentsOf: Self.piece[..<count])
        fileLeft -= count
        guard fileLeft == 0 || count == 0 else { return }
        // A file that became shorter meanwhile: the length was promised, so the connection ends.
        if fileLeft > 0 { isOver = true }
        self.file = nil
        try System.close(file)
    }
}
