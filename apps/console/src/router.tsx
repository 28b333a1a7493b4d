import { Navigate, createBrowserRouter } from 'react-router';
import { ErrorPage, NotFoundPage } from './shell/error-page.tsx';
import { Shell } from './shell/shell.tsx';
import { sections } from './shell/sections.ts';

const home = `/app/${sections[0]?.path ?? ''}`;

export const router = createBrowserRouter([
  { path: '/', element: <Navigate to={home} replace /> },
  {
    path: '/app',
    element: <Shell />,
    errorElement: <ErrorPage />,
    children: [
      { index: true, element: <Navigate to={home} replace /> },
      ...sections.map(({ path, routes }) => ({ path, errorElement: <ErrorPage />, children: routes })),
      { path: '*', element: <NotFoundPage /> },
    ],
  },
  { path: '*', element: <Navigate to="/app" replace /> },
]);
