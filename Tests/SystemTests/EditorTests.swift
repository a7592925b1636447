// The editor: sourcekit-lsp knows what stands in a file of either build.

import Foundation
import TestSupport
import Testing

/// sourcekit-lsp, spoken to as an editor does (Language Server Protocol 3.17, "Base Protocol").
private final class LanguageServer {
    private let child: Child
    private var bytes: [UInt8] = []
    private var number = 0

    init() throws {
        child = try Child(["sourcekit-lsp"], folder: projectFolder.path, input: .pipe, errors: .nothing)
        _ = try ask("initialize", ["rootUri": projectFolder.absoluteString, "capabilities": [String: Any]()])
        try send(["method": "initialized", "params": [String: Any]()])
    }

    deinit { child.kill() }

    private func send(_ message: [String: Any]) throws {
        var message = message
        message["jsonrpc"] = "2.0"
        let body = try JSONSerialization.data(withJSONObject: message)
        child.write(Array("Content-Length: \(body.count)\r\n\r\n".utf8) + body)
    }

    /// The next message. Nothing at the end, or after two minutes of silence.
    private func next() throws -> [String: Any]? {
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let match = text.firstMatch(of: #/Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/#),
                let count = Int(match.1)
            {
                let start = text[..<match.range.upperBound].utf8.count
                if bytes.count >= start + count {
                    let body = Data(bytes[start..<start + count])
                    bytes.removeFirst(start + count)
                    return try JSONSerialization.jsonObject(with: body) as? [String: Any]
                }
            }
            guard let more = Child.next(from: child.output, seconds: 120), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    private func ask(_ method: String, _ parameters: [String: Any]) throws -> [String: Any] {
        number += 1
        try send(["id": number, "method": method, "params": parameters])
        while let message = try next() {
            if message["method"] == nil, message["id"] as? Int == number { return message }
            // The server asks for what this client cannot do.
            if message["method"] != nil, let id = message["id"] { try send(["id": id, "result": NSNull()]) }
        }
        throw GuestError(description: "sourcekit-lsp does not answer \(method)")
    }

    /// What the editor shows of the word at the end of `text`'s first place in a file.
    func hover(in path: String, at text: String) throws -> String {
        let file = projectFolder.appendingPathComponent(path)
        let source = try String(contentsOf: file, encoding: .utf8)
        let place = try #require(source.range(of: text), "\(path) has no \(text)")
        let before = source[..<place.upperBound]
        let line = before.filter { $0 == "\n" }.count
        let column = (before.split(separator: "\n", omittingEmptySubsequences: false).last ?? "").utf16.count - 1
        try send([
            "method": "textDocument/didOpen",
            "params": [
                "textDocument": [
                    "uri": file.absoluteString, "languageId": "swift", "version": 1, "text": source,
                ] as [String: Any]
            ],
        ])
        let answer = try ask(
            "textDocument/hover",
            [
                "textDocument": ["uri": file.absoluteString],
                "position": ["line": line, "character": column],
            ])
        return ((answer["result"] as? [String: Any])?["contents"] as? [String: Any])?["value"] as? String ?? "nothing"
    }
}

@Suite(.serialized) struct EditorTests {
    /// Files of the freestanding build, and one of the host's.
    @Test(needs("sourcekit-lsp")) func editorKnowsBothBuilds() throws {
        let server = try LanguageServer()
        let calls: [(path: String, text: String, shown: String)] = [
            ("Kernel/Trap/Trap.swift", "SystemCall.dispatch", "Serves the system call in a frame"),
            ("Kernel/FileSystem/Log.swift", "throws(SystemError) -> Transaction", "One operation's share"),
            ("User/Programs/ping/Ping.swift", "System.socket", "func socket("),
            ("NetStack/Internet/ICMP.swift", "Checksum.update", "func update("),
            ("Drivers/VirtIO/SplitQueue.swift", "DMARing", "Entries of ring memory"),
        ]
        for call in calls {
            let shown = try server.hover(in: call.path, at: call.text)
            #expect(shown.contains(call.shown), "\(call.path), \(call.text): \(shown)")
        }
    }
}
