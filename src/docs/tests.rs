//! Tests of the site's parts that need no project.

use std::io::BufReader;

use super::layout::{Place, grouped, layered};
use super::{pack, serve};

#[test]
fn base64_is_what_browsers_read() {
    for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(pack::base64(bytes.as_bytes()), expected);
    }
    assert_eq!(pack::base64(&[0xff, 0xfe, 0xfd]), "//79");
}

#[test]
fn a_title_cannot_leave_its_place() {
    let page = pack::page("</title><script>alert(1)</script>\" onload=\"x", "0", &[]);
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("&lt;/title&gt;&lt;script&gt;"), "{page}");
}

#[test]
fn a_page_holds_its_data_unless_they_are_many() {
    let data =
        |length: usize| vec![("core".to_owned(), "Y29yZQ==".to_owned()), ("text-0".to_owned(), "A".repeat(length))];
    let small = pack::page("shop", "0", &data(100));
    assert!(small.contains("id=\"tform-core\"") && small.contains("id=\"tform-text-0\""));
    let large = pack::page("shop", "0", &data(4_000_000));
    assert!(large.contains("id=\"tform-core\"") && !large.contains("id=\"tform-text-0\""));
}

#[test]
fn the_program_can_stand_inside_a_page() {
    // The last is where programs that show the page (Cosmos) put a script of their own.
    for forbidden in ["</script", "<!--", "<script", "</head>"] {
        assert!(!pack::PROGRAM.contains(forbidden), "the program holds `{forbidden}`");
    }
    assert!(!pack::STYLE.contains("</style"));
    for outside in ["http://", "https://", "@import", "url(//"] {
        assert!(!pack::STYLE.contains(outside), "the style names `{outside}`");
    }
}

#[test]
fn columns_follow_the_longest_path_and_crossings_are_sorted_out() {
    // 0 -> 3, 1 -> 2, crossing if 2 stood above 3; 2 -> 4; 5 is not drawn.
    let parents = vec![vec![], vec![], vec![1], vec![0], vec![2, 0], vec![0]];
    let children = vec![vec![3, 4, 5], vec![2], vec![4], vec![], vec![], vec![]];
    let places = layered(&parents, &children, &[true, true, true, true, true, false]);
    let rank = |node: usize| places[node].map(|place: Place| place.rank);
    assert_eq!((0..6).map(rank).collect::<Vec<_>>(), [Some(0), Some(0), Some(1), Some(1), Some(2), None]);
    let order = |node: usize| places[node].map(|place: Place| place.order).unwrap_or_default();
    assert_eq!(order(0) < order(1), order(3) < order(2), "edges cross");
}

#[test]
fn folders_stand_where_their_members_are_on_average() {
    // Two chains 0 -> 1 -> 2 and 3 -> 4 -> 5; folders by layer, and one that nothing drawn is in.
    let parents = vec![vec![], vec![0], vec![1], vec![], vec![3], vec![4, 0]];
    let children = vec![vec![1, 5], vec![2], vec![], vec![4], vec![5], vec![]];
    let places = layered(&parents, &children, &[true; 6]);
    let folders = grouped(&[0, 1, 2, 0, 1, 3], 5, &parents, &places);
    let rank = |folder: usize| folders[folder].map(|place: Place| place.rank);
    assert_eq!((0..5).map(rank).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(2), None]);
}

#[test]
fn requests_are_read_strictly() {
    let read = |text: &str| serve::request(&mut BufReader::new(text.as_bytes())).unwrap();
    assert!(read("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok());
    assert!(read("HEAD /site/app.js?1 HTTP/1.1\r\n\r\n").is_ok());
    assert_eq!(read("POST / HTTP/1.1\r\n\r\n"), Err("405 Method Not Allowed"));
    for wrong in ["", "GET\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n", "GET / SPDY\r\n\r\n"] {
        assert_eq!(read(wrong), Err("400 Bad Request"), "{wrong:?}");
    }
    assert_eq!(read("GET / HTTP/1.1\r\nHost: x"), Err("431 Request Header Fields Too Large"));
}

#[test]
fn only_the_sites_own_files_are_served() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("target");
    std::fs::create_dir_all(folder.join("site")).unwrap();
    std::fs::create_dir_all(folder.join("compiled")).unwrap();
    for file in ["index.html", "manifest.json", "shop.duckdb", "site/app.js", "site/한글.js", "compiled/a.sql"] {
        std::fs::write(folder.join(file), "x").unwrap();
    }
    std::fs::write(scratch.path().join("secret"), "x").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(scratch.path().join("secret"), folder.join("site/link.js")).unwrap();
    for path in ["/", "/index.html", "/manifest.json", "/site/app.js", "/site/%ED%95%9C%EA%B8%80.js"] {
        assert!(serve::resolve(&folder, path).is_some(), "{path}");
    }
    for path in [
        "",
        "/..",
        "/../secret",
        "/site/../../secret",
        "/site/%2e%2e/%2e%2e/secret",
        "/site/..%2f..%2fsecret",
        "/site/..\\..\\secret",
        "//etc/passwd",
        "/site//app.js",
        "/site/link.js",
        "/shop.duckdb",
        "/compiled/a.sql",
        "/site",
        "/site/",
        "/site/.hidden",
        "/site/app.js%00",
        "/%",
        "/%zz",
        "/C:/x",
        "/.",
    ] {
        assert!(serve::resolve(&folder, path).is_none(), "{path}");
    }
}

#[test]
fn a_server_on_loopback_is_not_reached_by_foreign_names() {
    for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "[::1]:80", "LOCALHOST"] {
        assert!(serve::is_loopback_name(Some(host)), "{host}");
    }
    for host in [None, Some("evil.example"), Some("localhost.evil.example:8080"), Some("10.0.0.1"), Some("")] {
        assert!(!serve::is_loopback_name(host), "{host:?}");
    }
}
