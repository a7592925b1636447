// site: the pictures of Documentation/Journeys.md, the catalogue that DocC makes the site of, and a look for dead links.

import Foundation
import SiteBuilder

let usage = """
    usage: site pictures          draws Documentation/pictures/journey-*.svg from the tables of Documentation/Journeys.md
           site session           records Documentation/pictures/session.svg: two guests boot and talk (build/fs.img is wanted)
           site catalog SYMBOLS FOLDER
                                  writes what DocC reads: the pages, one for each room, and the pictures; SYMBOLS is
                                  the folder with the compiler's symbol graphs
           site check FOLDER DIAGNOSTICS
                                  looks for dead links and missing pictures in a site that DocC wrote, and at what DocC said
    Run it in the project's folder; make docs and make pictures do.
    """

func fail(_ text: String, status: Int32 = 1) -> Never {
    FileHandle.standardError.write(Data("site: \(text)\n".utf8))
    exit(status)
}

let arguments = Array(CommandLine.arguments.dropFirst())
do {
    switch (arguments.first, arguments.count) {
    case ("--help", 1), ("-h", 1): print(usage)
    case ("pictures", 1):
        for journey in try Journey.all(in: String(contentsOfFile: "Documentation/Journeys.md", encoding: .utf8)) {
            let path = "Documentation/pictures/\(journey.picture)"
            try journey.svg.write(toFile: path, atomically: true, encoding: .utf8)
            print(path)
        }
    case ("session", 1):
        let path = "Documentation/pictures/session.svg"
        try Session.record().write(toFile: path, atomically: true, encoding: .utf8)
        print(path)
    case ("catalog", 3):
        try? FileManager.default.removeItem(atPath: arguments[2])
        try Catalog(Sources(root: ".")).write(to: arguments[2], symbols: arguments[1])
    case ("check", 3):
        let problems = try Diagnostics.problems(in: arguments[2])
        guard problems.isEmpty else { fail("DocC says:\n    \(problems.joined(separator: "\n    "))") }
        let (pages, links, dead) = try Links(root: arguments[1]).check()
        guard dead.isEmpty else { fail("these lead nowhere:\n    \(dead.joined(separator: "\n    "))") }
        // DocC's own first page shows nothing.
        try
            #"<!doctype html><meta charset="utf-8"><title>Swiftlet</title><meta http-equiv="refresh" content="0; url=documentation/swiftlet/">"#
            .write(toFile: "\(arguments[1])/index.html", atomically: true, encoding: .utf8)
        print("\(pages) pages, \(links) links and pictures within the site, all of them there")
    default: fail(usage, status: 2)
    }
} catch {
    fail("\(error)")
}
