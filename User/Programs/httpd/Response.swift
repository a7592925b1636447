// What a request is answered with: a file, a part of one, a directory's names, a page, an error.

import HTTP
import SystemInterface
import UserLibrary

struct Response {
    var status = 200
    var type: StaticString = "text/html; charset=utf-8"
    var body: [UInt8] = []
    var file: FileDescriptor?
    var fileCount = 0
    /// Further fields, each with its line end.
    var fields = Text()

    func head(keepsAlive: Bool) -> Text {
        let connection: StaticString = keepsAlive ? "keep-alive" : "close"
        let count = file == nil ? body.count : fileCount
        let now = Self.now
        let date: Text = now == 0 ? "" : "Date: \(Self.text(HTTPDate.text(now)))\r\n"
        // Of a body that the client has nothing is said (RFC 9110, 15.4.5).
        let content: Text = status == 304 ? "" : "Content-Type: \(type)\r\nContent-Length: \(count)\r\n"
        return
            "HTTP/1.1 \(status) \(Self.reason(status))\r\nServer: Swiftlet\r\n\(date)\(content)Connection: \(connection)\r\n\(fields)\r\n"
    }

    private static func text(_ bytes: [UInt8]) -> Text {
        var text = Text()
        text.bytes = bytes
        return text
    }

    /// Seconds since 1970; 0 on a machine that does not know the time.
    static var now: UInt64 {
        do throws(SystemError) { return try System.wallClock() / 1_000_000_000 } catch { return 0 }
    }

    static func error(_ status: Int) -> Response {
        var response = Response()
        response.status = status
        let text: Text = "\(status) \(reason(status))"
        response.body = Page.make(text, "<p>\(text).</p>\n").bytes
        if status == 405 { response.fields = "Allow: GET, HEAD\r\n" }
        return response
    }

    private static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 304: "Not Modified"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 416: "Range Not Satisfiable"
        case 431: "Request Header Fields Too Large"
        case 501: "Not Implemented"
        case 505: "HTTP Version Not Supported"
        default: "Internal Server Error"
        }
    }

    static func to(_ request: HTTPRequest) -> Response {
        guard request.method != .other else { return error(405) }
        if request.path == ("/status" as Text).bytes { return page(StatusPage.make()) }
        // The path, from the directory that is served on.
        let relative = [UInt8](request.path.drop { $0 == UInt8(ascii: "/") })
        let path = Path(relative.isEmpty ? [UInt8(ascii: ".")] : relative)
        do throws(SystemError) {
            let file = try System.open(path)
            do throws(SystemError) {
                let status = try System.status(file)
                switch FileType(rawValue: status.type) {
                case .directory: return try directory(file, request)
                case .file: return part(of: file, status, request)
                default:
                    try System.close(file)
                    return error(403)
                }
            } catch {
                try? System.close(file)
                throw error
            }
        } catch {
            return Response.error(
                error == .noSuchFile || error == .notDirectory ? 404 : error == .nameTooLong ? 414 : 500)
        }
    }

    private static func page(_ text: Text) -> Response {
        var response = Response()
        response.body = text.bytes
        return response
    }

    private static func part(of file: FileDescriptor, _ status: FileStatus, _ request: HTTPRequest) -> Response {
        let count = Int(clamping: status.size), modified = UInt64(status.modified)
        var response = Response()
        let time: Text = modified == 0 ? "" : "Last-Modified: \(text(HTTPDate.text(modified)))\r\n"
        let verdict = request.conditions.verdict(modified: modified, now: now)
        if verdict == .notModified || verdict == .failed {
            try? System.close(file)
            guard verdict == .notModified else { return error(412) }
            response.status = 304
            response.fields = time
            return response
        }
        response.type = type(request.path)
        response.file = file
        response.fileCount = count
        response.fields = "\(time)Accept-Ranges: bytes\r\n"
        guard let range = request.range, verdict == .part else { return response }
        guard let (first, length) = range.resolved(count), skip(file, first) else {
            try? System.close(file)
            var refusal = error(416)
            refusal.fields = "Content-Range: bytes */\(count)\r\n"
            return refusal
        }
        response.status = 206
        response.fileCount = length
        response.fields = "\(response.fields)Content-Range: bytes \(first)-\(first + length - 1)/\(count)\r\n"
        return response
    }

    /// Reads over the first bytes of a file: there is no seek.
    private static func skip(_ file: FileDescriptor, _ count: Int) -> Bool {
        var left = count
        while left > 0 {
            var buffer = [UInt8](repeating: 0, count: min(left, 16384))
            guard let taken = try? readPiece(file, into: &buffer), taken > 0 else { return false }
            left -= taken
        }
        return true
    }

    private static func directory(_ file: FileDescriptor, _ request: HTTPRequest) throws(SystemError) -> Response {
        guard request.path.last == UInt8(ascii: "/") else {
            try System.close(file)
            var response = error(301)
            response.fields = "Location: \(Page.escapedPath(request.path))/\r\n"
            return response
        }
        let relative = [UInt8](request.path.drop { $0 == UInt8(ascii: "/") })
        if let index = try? System.open(Path(relative + ("index.html" as Text).bytes)) {
            let status: FileStatus
            do throws(SystemError) { status = try System.status(index) } catch {
                try? System.close(index)
                throw error
            }
            if FileType(rawValue: status.type) == .file {
                try? System.close(file)
                var named = request
                named.path += ("index.html" as Text).bytes
                return part(of: index, status, named)
            }
            try? System.close(index)
        }
        if relative.isEmpty, request.path.count == 1 {
            try System.close(file)
            return page(StatusPage.make())
        }
        var names = DirectoryReader(file)
        let all = try names.all()
        try System.close(file)
        return page(Page.directory(request.path, all))
    }

    /// By the name's end.
    private static func type(_ path: [UInt8]) -> StaticString {
        guard let dot = path.lastIndex(of: UInt8(ascii: ".")), !path[dot...].contains(UInt8(ascii: "/")) else {
            return "text/plain; charset=utf-8"
        }
        let ending = [UInt8](path[(dot + 1)...])
        if isOne(ending, "html") || isOne(ending, "htm") { return "text/html; charset=utf-8" }
        if isOne(ending, "txt") || isOne(ending, "md") || isOne(ending, "c") || isOne(ending, "sh") {
            return "text/plain; charset=utf-8"
        }
        if isOne(ending, "css") { return "text/css; charset=utf-8" }
        if isOne(ending, "js") { return "text/javascript; charset=utf-8" }
        if isOne(ending, "json") { return "application/json" }
        if isOne(ending, "svg") { return "image/svg+xml" }
        if isOne(ending, "png") { return "image/png" }
        if isOne(ending, "jpg") || isOne(ending, "jpeg") { return "image/jpeg" }
        if isOne(ending, "gif") { return "image/gif" }
        if isOne(ending, "pdf") { return "application/pdf" }
        return "application/octet-stream"
    }

    private static func isOne(_ ending: [UInt8], _ word: Text) -> Bool { ending == word.bytes }
}
